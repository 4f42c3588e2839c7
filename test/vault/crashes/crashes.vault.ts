import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuidedBao } from '../guided-bao.ts';
import { Life, type Mishap } from './life.ts';

let guided: GuidedBao;
let lives = 0;

beforeAll(async () => {
  guided = await GuidedBao.start(3_600);
});
afterAll(() => guided?.close());

/** A first key, a rotation, the retirement of the first key, the revocation of the second. */
async function wholeLife(mishap?: Mishap): Promise<Life> {
  lives += 1;
  const life = await Life.begin(guided, `build-${lives}`, mishap);
  await life.work();
  await life.rotate('one');
  await life.later();
  await life.later();
  await life.revoke('k2');
  for (let left = 4; left > 0; left--) await life.later();
  return life;
}

const KINDS = [
  ...['make', 'note', 'destroy'].map((call) => `before vault ${call}`),
  ...['write', 'delete'].map((request) => `after vault ${request}`),
  ...['confirm', 'status', 'creation of the Secret', 'change of the Secret', 'poke'].flatMap((request) => {
    return [`before ${request}`, `after ${request}`];
  }),
];

/** Times, where only that there is one matters. */
const time = expect.any(String);
const made = { creationTime: time, preparationTime: time, activationTime: time };
const cut = { acknowledged: 3, expected: 3, missing: [], completionTime: time };

/** What became of each key, and why there is one. */
const HISTORY = [
  { id: 'k1', state: 'Destroyed', trigger: 'Initial', ...made, retirementTime: time, destructionTime: time },
  { id: 'k2', state: 'Revoked', trigger: 'Annotation', ...made, revocationTime: time, destructionTime: time, cut },
  { id: 'k3', state: 'Active', trigger: 'Revocation', ...made },
];

/** Exactly one key is active, and it is the one everywhere; none is lost, none is left over, and history is whole. */
async function expectEnd(life: Life, where: string): Promise<void> {
  const { record, store, secret, loaded } = await life.scene();
  expect(record.keys, where).toMatchObject(HISTORY);
  expect(record, where).toMatchObject({ dropped: 0, failures: [], handledRequests: ['one'] });
  const fingerprint = record.keys[2]?.fingerprint ?? '';
  const only = new Map([['k3', fingerprint]]);
  expect({ store, secret, loaded }, where).toEqual({ store: only, secret: only, loaded: new Set([fingerprint]) });
}

describe.concurrent('an operator with its keys in a real OpenBao', () => {
  it.each(['dies', 'fails', 'loses its pod'] as const)(
    'comes to the end of a rotation, a retirement and a revocation, and breaks no rule on its way, when it %s before or after any effect',
    async (fate) => {
      const whole = await wholeLife();
      await expectEnd(whole, 'undisturbed');
      whole.close();
      const { moments } = whole;
      expect(new Set(moments)).toEqual(new Set(KINDS));
      expect(moments.length).toBeGreaterThan(100);
      for (const at of moments.keys()) {
        const where = `${fate} at ${at}: ${moments[at]}`;
        const life = await wholeLife({ at, fate }).catch((cause: unknown) => {
          throw new Error(`${where}: ${String(cause)}`, { cause });
        });
        expect(life.moments.length, where).toBeGreaterThan(at);
        await expectEnd(life, where);
        life.close();
      }
    },
    900_000,
  );
});
