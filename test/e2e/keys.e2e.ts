import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySecretName } from '../../src/keys/index.ts';
import { decodeKeyFile } from '../../src/noise/index.ts';
import type { ServedExecutor } from '../../src/operator/own-kinds.ts';
import { RESET_PROTOCOL_ERROR } from '../../src/wire/index.ts';
import { GUIDE_POLICY, writePolicy } from '../vault/policy.ts';
import { useAgents } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { until } from './isolation/until.ts';
import { auditLog, inMemoryOf, logsAndMetrics, objectsOf } from './key-bytes/cluster-places.ts';
import { KeyBytes } from './key-bytes/key-bytes.ts';
import { filesOf, processes } from './key-bytes/machine-places.ts';
import { Needles } from './key-bytes/needles.ts';
import type { SessionEnd } from './keys/echo-protocol.ts';
import { Echoes } from './keys/echoes.ts';
import { CODEX_POD, IDENTITIES, KeyFleet, STALE_POD } from './keys/key-fleet.ts';
import { LongTurn, wholeOutput } from './keys/long-turn.ts';
import { useOpenBao, VAULT_VALUES } from './keys/open-bao.ts';
import { StaleHarness } from './keys/stale-harness.ts';
import { Kubectl } from './kubectl.ts';
import { RELEASE, useProduct } from './product.ts';
import { useRelayTraffic } from './traffic/relay-traffic.ts';

const ROTATIONS = 20;
/** Of each identity; together a hundred. */
const SESSIONS = 25;
const ALL_SESSIONS = IDENTITIES.length * SESSIONS;
/** The key after all of them, and those that follow. */
const [LAST, CUT, WELL, REPLACEMENT] = [1, 2, 3, 4].map((n) => `k${ROTATIONS + n}`) as [string, string, string, string];
/** Longer than the death of every relay and registry, and the recovery from it. */
const LONG_OVERLAP = '30s';
/** Twenty rotations, or a death of all that lies between. Milliseconds. */
const STEP_LIMIT_MS = 300_000;
/** Until an overlap is over and what follows it is done. Milliseconds. */
const GONE_MS = 90_000;
/** Lines that the command of a turn prints while nobody serves it, and a few more. */
const LINES_AFTER_THE_CUT = 50;
/** How slow OpenBao is: as long as the operator's patience with a call. Milliseconds. */
const SLOW_MS = 10_000;
/** One that allows nothing that is ours. */
const NO_POLICY = 'path "kv/data/elsewhere/*" { capabilities = ["read"] }';
/** How long OpenBao's tokens live in the end; the guide's live for an hour. Seconds. */
const SHORT_LIFE = 2;
/** Where private keys are looked for. */
const SORTS = [
  'Event',
  'Executor',
  'Secret',
  'arguments',
  'audit',
  'environment',
  'logs',
  'metrics',
  'other objects',
  'storage of OpenBao',
] as const;

describe('an executor whose keys are in a real OpenBao', () => {
  const vault = useOpenBao();
  const relay = { replicas: 2, registry: { replicas: 2 } };
  const fleet = new KeyFleet(
    useAgents('keys', relay, () => useProduct(VAULT_VALUES)),
    vault,
  );
  const { kubectl } = fleet;
  const traffic = useRelayTraffic(kubectl);
  fleet.use();
  const keyBytes = new KeyBytes();
  const publicKeys = new Needles();
  let executorPod: string;
  /** In client Pods, and ended with the suite whatever became of its tests. */
  const programs: { stop(): void }[] = [];

  beforeAll(async () => {
    executorPod = await fleet.executorPod();
  });
  afterAll(() => {
    for (const program of programs) program.stop();
  });

  /** Sessions of every identity, a hundred together; the first one asks for the key as well. */
  async function hundredStreams(asks: boolean): Promise<readonly Echoes[]> {
    const started = await Promise.all(
      IDENTITIES.map((name, index) => Echoes.start(kubectl, name, { ...order(), asks: asks && index === 0 })),
    );
    programs.push(...started);
    return started;
  }
  const order = () => {
    return { registryURL: fleet.address.registryURL, environment: fleet.environmentId, sessions: SESSIONS };
  };
  const expectUnnoticed = (ends: readonly SessionEnd[]) => {
    const noticed = ends.filter(({ same, connections, error }) => !same || connections !== 1 || error !== undefined);
    expect(noticed).toEqual([]);
  };
  const startTurn = (name: string) => {
    const { address, environment, workspace } = fleet;
    return LongTurn.start({ kubectl, address, environment, executorPod, workspace }, CODEX_POD, name);
  };
  const expectWhole = ({ code, stderr, lines }: Awaited<ReturnType<LongTurn['enough']>>) => {
    expect({ code, stderr }).toMatchObject({ code: 0 });
    // What stood between Codex and the fleet is in what its launcher and itself said.
    expect(lines.length, stderr).toBeGreaterThan(LINES_AFTER_THE_CUT);
    expect(lines, stderr).toEqual(wholeOutput(lines));
  };
  const remember = async (id: string) => {
    const file = await fleet.keyFile(id);
    keyBytes.add(id, file);
    publicKeys.addForms(id, Buffer.from(decodeKeyFile(Buffer.from(file)).publicKey.x25519));
  };

  it(
    `has ${ROTATIONS} others one after the other, asked for by a rotator, under ${ALL_SESSIONS} streams and a real Codex, and nobody notices`,
    async () => {
      const echoes = await hundredStreams(true);
      const turn = await startTurn('rotated');
      const lives = await fleet.lives();
      await remember('k1');

      const asked: { readonly at: number; readonly fingerprint: string }[] = [];
      for (let n = 2; n <= ROTATIONS + 1; n += 1) {
        const at = await fleet.rotate(`rotation ${n}`);
        const { fingerprint = '', ...key } = await fleet.activates(`k${n}`);
        expect(key).toMatchObject(fleet.asRotatorAsked);
        asked.push({ at, fingerprint });
        await remember(`k${n}`);
        await until(
          () => servedTo(echoes),
          ({ firstAt }) => fingerprint in firstAt,
        );
      }
      const { firstAt, failed } = await servedTo(echoes);
      expectWhole(await turn.enough());
      const ends = (await Promise.all(echoes.map((each) => each.end()))).flat();

      expect(await fleet.lives()).toEqual(lives);
      expectUnnoticed(ends);
      expect(ends.length).toBe(ALL_SESSIONS);
      expect(failed).toEqual({});
      const tookMs = asked.map(({ at, fingerprint }) => (firstAt[fingerprint] ?? Number.NaN) - at);
      const bytes = ends.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
      process.stdout.write(
        `  K1 0 restarts; K2 0 of ${bytes} bytes lost each way; K3 annotation until a new harness has the new key: ${spread(tookMs)} ms\n`,
      );
    },
    STEP_LIMIT_MS,
  );

  it(
    'leaves no byte of a private key in what the relays carried meanwhile, in packets or inside TLS, where every public key is found',
    async () => {
      const places = await traffic().stop();
      expect(places.flatMap((place) => keyBytes.in(place))).toEqual([]);

      // The same search in the same places: packets name whom they are for, and an executor shows its ticket, and the relay then shows it to registries.
      const found = (sort: string) =>
        places.filter((each) => each.sort === sort).flatMap((each) => publicKeys.in(each));
      const everyKey = Array.from({ length: ROTATIONS + 1 }, (_, index) => `k${index + 1}`);
      for (const sort of ['tickets in requests', 'tickets in messages']) {
        const ids = new Set(found(sort).map((name) => name.split(',')[0]));
        expect(
          [...everyKey].filter((id) => !ids.has(id)),
          sort,
        ).toEqual([]);
      }
      const packets = places.filter(({ sort }) => sort === 'packets');
      expect(packets.map(({ bytes }) => bytes.includes(`.${fleet.ref.namespace}.svc`))).toEqual([true, true]);
    },
    STEP_LIMIT_MS,
  );

  it(
    'lets a real Codex resume that was cut after a rotation by the death of every relay and registry',
    async () => {
      await fleet.setOverlap(LONG_OVERLAP);
      const stale = await StaleHarness.start(fleet, STALE_POD);
      programs.push(stale);
      const turn = await startTurn('cut');
      await fleet.rotate('before the cut');
      await fleet.activates(CUT);
      await remember(CUT);
      const before = await turn.ticks();
      const selector = 'app.kubernetes.io/component in (relay,registry)';
      await kubectl.run(['delete', 'pods', '-l', selector, '--force', '--grace-period=0'], { seconds: 60 });
      await kubectl.wait('relay/main', 'condition=Ready', 120);
      await until(
        () => turn.ticks(),
        (ticks) => ticks > before + LINES_AFTER_THE_CUT,
      );
      expectWhole(await turn.enough());
      expect(await fleet.states()).toContain(`${LAST} Retiring`);

      await until(
        () => fleet.inVault(),
        (ids) => ids.join() === CUT,
        GONE_MS,
      );
      expect(await fleet.states()).toBe(`${CUT} Active`);
      expect(await fleet.inSecret()).toEqual([`${CUT}.json`]);
      const gone = await fleet.becomes(`${LAST} gone`, ({ status }) => formerKey(status, LAST)?.state === 'Destroyed');
      expect(formerKey(gone.status, LAST)?.heldBy).toBeUndefined();
      const { withOldKey, withNewKey } = await stale.tryAgain();
      expect(withNewKey).toBe('accepted');
      expect(withOldKey).toBe(`reset ${RESET_PROTOCOL_ERROR}`);
    },
    STEP_LIMIT_MS,
  );

  it(
    'leaves no byte of any of these private keys anywhere but in its one Secret',
    async () => {
      const one = `Secret ${fleet.ref.namespace}/${keySecretName(fleet.ref)}`;
      const searched = [
        ...(await objectsOf(kubectl)),
        ...(await logsAndMetrics(kubectl, [fleet.ref.namespace, RELEASE])),
        ...processes(),
        ...filesOf(vault().bao.data),
        auditLog(),
      ];
      const sorts = new Set(searched.filter(({ bytes }) => bytes.length > 0).map(({ sort }) => sort));
      expect([...sorts].sort()).toEqual([...SORTS]);
      // That it is found where it belongs shows that the search finds it.
      const [here, elsewhere] = [true, false].map((isOne) => searched.filter(({ where }) => (where === one) === isOne));
      expect(here?.flatMap((place) => keyBytes.in(place))).toContain(`mlkem768Seed of ${CUT}, base64: ${one}`);
      expect(elsewhere?.flatMap((place) => keyBytes.in(place))).toEqual([]);

      // A relay holds whatever it carries: its memory is all of its traffic that there is to see.
      for (const component of ['relay', 'registry'])
        expect((await inMemoryOf(kubectl, component, keyBytes)).map(({ found }) => found)).toEqual([[], []]);
    },
    STEP_LIMIT_MS,
  );

  it(
    `has none of the ${ROTATIONS + 1} keys that are called gone in the memory of any process of its pod, nor of the operator that made and delivered them`,
    async () => {
      const present = new RegExp(` of ${CUT}\\b`);
      const [pod, ...others] = await inMemoryOf(kubectl, 'executor', keyBytes);
      expect([pod?.pod, others]).toEqual([executorPod, []]);
      // The one that serves is found where it has to be.
      expect(pod?.found).toContain(`x25519PrivateKey of ${CUT}, bytes: memory of ${executorPod}`);
      expect(pod?.found.filter((each) => !present.test(each))).toEqual([]);

      const operators = await inMemoryOf(new Kubectl(cluster(), RELEASE), 'operator', keyBytes);
      expect(operators.length).toBe(2);
      for (const { found } of operators) expect(found.filter((each) => !present.test(each))).toEqual([]);
      // Who waits to lead follows everything, and has never had a key.
      expect(operators.map(({ found }) => found)).toContainEqual([]);
    },
    STEP_LIMIT_MS,
  );

  it(
    'serves on, registers and says what is wrong while OpenBao is sealed, gone, forbidding, slow or read-only, and needs nobody when it is well again',
    async () => {
      const { bao, line } = vault();
      const before = await fleet.states();
      const began = Date.now();

      await bao.seal();
      const { lastTransitionTime: since } = await fleet.saysWhy('sealed', /it is sealed/);
      // A sidecar that begins anew has its key from its Secret, and registers it; whoever connects then does so through that registration.
      await fleet.restartSidecar();
      const echoes = await Echoes.start(kubectl, 'dev', { ...order(), asks: true });
      programs.push(echoes);
      await bao.kill();
      await fleet.saysWhy('gone', /it does not answer/);
      await bao.run();
      await bao.unseal();
      await writePolicy(bao, NO_POLICY);
      await fleet.saysWhy('forbidden', /it refuses this/);
      line.delayMs = SLOW_MS;
      await writePolicy(bao, GUIDE_POLICY);
      const { lastTransitionTime } = await fleet.saysWhy('slow', /did not answer in time/);
      // Since when: the first of them all.
      expect(lastTransitionTime).toBe(since);
      expect(Date.parse(since)).toBeLessThan(began + SLOW_MS);
      bao.makeReadOnly();
      line.delayMs = 0;
      await fleet.failsWith('read-only', /it takes no writes/);
      bao.makeWritable();
      await vault().endTokens(SHORT_LIFE);
      expect(await fleet.states()).toMatch(new RegExp(`^${before}\\b`));
      // However many asked for it meanwhile, it is one.
      await fleet.activates(WELL);

      expect((await echoes.served()).failed).toEqual({});
      expectUnnoticed(await echoes.end());
    },
    STEP_LIMIT_MS,
  );

  it(
    'serves nobody under a key that is revoked: every stream is cut, and it is gone from Secret and OpenBao',
    async () => {
      const echoes = await hundredStreams(false);
      const key = (await fleet.executor()).status.keys.find(({ state }) => state === 'Active');
      expect(key?.id).toBe(WELL);
      expect(new Set(echoes.flatMap(({ fingerprints }) => fingerprints))).toEqual(new Set([key?.fingerprint]));

      const at = await fleet.revoke(WELL);
      const cuts = await until(
        async () => (await Promise.all(echoes.map((each) => each.cuts()))).flat(),
        ({ length }) => length === ALL_SESSIONS,
      );
      await fleet.activates(REPLACEMENT);
      await until(
        () => fleet.inVault(),
        (ids) => ids.join() === REPLACEMENT,
        GONE_MS,
      );
      expect(await fleet.inSecret()).toEqual([`${REPLACEMENT}.json`]);
      process.stdout.write(
        `  K4 annotation until the streams of the revoked key are cut: ${spread(cuts.map((cut) => cut - at))} ms\n`,
      );
    },
    STEP_LIMIT_MS,
  );
});

function formerKey({ formerKeys }: ServedExecutor['status'], id: string) {
  return formerKeys.find((key) => key.id === id);
}

/** What those say of the keys that are handed out who ask for them. */
function servedTo([asking]: readonly Echoes[]) {
  if (asking === undefined) throw new Error('somebody asks');
  return asking.served();
}

function spread(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  return `p50 ${sorted[Math.floor(sorted.length / 2)]}, max ${sorted.at(-1)}`;
}
