import { describe, expect, it } from 'vitest';
import { encodeKeyFile, generateKeypair } from '../../src/noise/index.ts';
import { OutagePlace } from './outage-place.ts';
import { GUIDE_POLICY, writePolicy } from './policy.ts';

const DATA = 'kv/data/production/team-a/build/k2';
/** As long as the operator's patience with a call. Milliseconds. */
const SLOW_MS = 10_000;
/** A look at an OpenBao that is slow, the wait for the next look, and what is done then. Milliseconds. */
const CASE_LIMIT_MS = 240_000;
/** Times in conditions are whole seconds: one that moved is another one then. Milliseconds. */
const SEEN_TO_MOVE_MS = 2_000;

/** Tokens of an OpenBao in which nobody is logged in but its administrator. */
const ROOT_ALONE = 1;

interface Outage {
  readonly what: string;
  readonly says: RegExp;
  begin(place: OutagePlace): Promise<unknown>;
  end(place: OutagePlace): Promise<unknown>;
}

const OUTAGES: readonly Outage[] = [
  {
    what: 'is sealed',
    says: /it is sealed/,
    begin: ({ guided }) => guided.bao.seal(),
    end: ({ guided }) => guided.bao.unseal(),
  },
  {
    what: 'is stopped',
    says: /it does not answer/,
    begin: ({ guided }) => guided.bao.kill(),
    end: async ({ guided }) => {
      await guided.bao.run();
      await guided.bao.unseal();
    },
  },
  {
    what: 'takes ten seconds for an answer',
    says: /did not answer in time/,
    begin: async ({ line }) => {
      line.delayMs = SLOW_MS;
    },
    end: async ({ line }) => {
      line.delayMs = 0;
    },
  },
  {
    what: 'takes no writes',
    says: /it takes no writes/,
    begin: async ({ guided }) => guided.bao.makeReadOnly(),
    end: async ({ guided }) => guided.bao.makeWritable(),
  },
  {
    what: 'allows nothing',
    says: /it refuses this/,
    begin: ({ guided }) => writePolicy(guided.bao, 'path "kv/data/elsewhere/*" { capabilities = ["read"] }'),
    end: ({ guided }) => writePolicy(guided.bao, GUIDE_POLICY),
  },
  {
    what: 'let the token expire and gives no other',
    says: /does not take our ServiceAccount token/,
    begin: async (place) => {
      const { bao, accounts } = place.guided;
      await accounts.setLife(bao, 1, 1);
      await bao.must('POST', 'sys/leases/revoke-prefix/auth/kubernetes/login');
      await place.looksAgain();
      accounts.refuseAll();
      const hasEnded = async () => (await bao.list('auth/token/accessors')).length === ROOT_ALONE;
      await place.cluster.eventually('the end of the token', hasEnded);
    },
    end: ({ guided }) => guided.accounts.renewToken(),
  },
  {
    what: 'got something else at that place between a look and the write',
    says: /What the key store has as k2 is no key of ours/,
    begin: async ({ gate, guided }) => {
      const data = { mine: 'yes' };
      gate.beforeThe(`POST /v1/${DATA}`, () => guided.bao.must('POST', DATA, { options: { cas: 0 }, data }));
    },
    end: ({ guided }) => guided.bao.must('DELETE', DATA),
  },
];

/** One new key and no more, and nothing that is still wrong. */
async function expectRotatedOnce(place: OutagePlace): Promise<void> {
  await place.becomes('k1 Active, k2 Prepared');
  await place.serve('k1', 'k2');
  await place.becomes('k2 Active');
  await place.looksAgain();
  const { status } = await place.cluster.executor();
  expect(status).toMatchObject({
    keys: [{ id: 'k2', state: 'Active', trigger: 'Annotation' }],
    formerKeys: [{ id: 'k1' }],
    handledRotationRequests: ['one'],
  });
  expect(status.conditions.filter(({ type }) => type.startsWith('Rotation'))).toEqual([]);
  await place.inVault('k2');
}

describe('a rotation that is asked for while OpenBao', () => {
  it.concurrent.each(OUTAGES)(
    '$what waits, says why and since when, and happens once by itself when that is over',
    async ({ says, begin, end }) => {
      const place = await OutagePlace.make();
      try {
        await begin(place);
        await place.rotate('one');
        const { type, lastTransitionTime } = await place.says(says);
        while (Date.now() < Date.parse(lastTransitionTime) + SEEN_TO_MOVE_MS) await place.looksAgain();
        expect(await place.says(says)).toMatchObject({ type, lastTransitionTime });
        expect(await place.cluster.keyStates()).toMatch(/^k1 Active(, k2 Pending)?$/);

        await end(place);
        await expectRotatedOnce(place);
      } finally {
        await place.close();
      }
    },
    CASE_LIMIT_MS,
  );

  it.concurrent(
    'gets a key of another operator there between a look and the write makes that one the new key, and no second one',
    async () => {
      const place = await OutagePlace.make();
      try {
        const rival = encodeKeyFile(generateKeypair());
        const data = { keyFile: Buffer.from(rival).toString('base64') };
        const { bao } = place.guided;
        place.gate.beforeThe(`POST /v1/${DATA}`, () => bao.must('POST', DATA, { options: { cas: 0 }, data }));
        await place.rotate('one');
        await expectRotatedOnce(place);
        const [key] = (await place.cluster.executor()).status.keys;
        expect(JSON.parse(Buffer.from(rival).toString())).toMatchObject({ fingerprint: key?.fingerprint });
      } finally {
        await place.close();
      }
    },
    CASE_LIMIT_MS,
  );
});
