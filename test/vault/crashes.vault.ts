import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeeperStep,
  type KeyHolder,
  KeyKeeper,
  type KeysRecord,
  recordOf,
  SecretKeyStore,
  statusOf,
  VaultKeyStore,
} from '../../src/keys/index.ts';
import { secrets } from '../../src/kube/index.ts';
import { MemoryApiServer } from '../../src/kube/testing/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import type { Bao } from './bao.ts';
import { GuidedBao } from './guided-bao.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-11-30T00:00:00Z');
const EMPTY = recordOf({ keys: [], formerKeys: [], handledRotationRequests: [], keyFailures: [] });

let guided: GuidedBao;
let bao: Bao;
let executors = 0;

beforeAll(async () => {
  guided = await GuidedBao.start(3_600);
  ({ bao } = guided);
});
afterAll(async () => {
  await guided?.close();
});

interface Mishap {
  /** The number of the effect after which it comes. */
  readonly at: number;
  /** Or it goes on, and takes what was done for something that failed. */
  readonly fate: 'dies' | 'hears that it failed';
}

/** An operator over a real OpenBao and Secrets with the API server's semantics, to which one mishap comes. */
class Life {
  record: KeysRecord = EMPTY;
  now = START;
  rotation: string | undefined;
  revoked: string | undefined;
  /** Every request, write of the Secret and write of status that had an effect, in order. */
  readonly effects: string[] = [];
  readonly holder: KeyHolder;
  readonly #mishap: Mishap | undefined;
  readonly #server = new MemoryApiServer({ clock: systemClock });
  readonly #vault: VaultKeyStore;
  #isDead = false;

  constructor(mishap?: Mishap) {
    executors += 1;
    this.holder = { namespace: 'team-a', name: `build-${executors}`, uid: `uid-${executors}` };
    this.#mishap = mishap;
    this.#vault = new VaultKeyStore({
      settings: guided.settings(),
      clock: systemClock,
      environment: {},
      onCall: ({ operation }) => {
        if (operation === 'write' || operation === 'delete') this.#happened(`vault ${operation}`);
        else if (this.#isDead) throw new Error('dead');
      },
    });
  }

  close(): void {
    this.#vault.close();
  }

  /** Until there is nothing to do now. Who dies is started again at once, and knows what is stored and nothing else. */
  async work(): Promise<void> {
    for (let left = 200; left > 0; left--) {
      this.#isDead = false;
      const step = await this.#step();
      // The dead write nothing down.
      if (this.#isDead) continue;
      if (step.type === 'wait') return;
      this.#tellSecret(step);
      if (this.#isDead || step.type !== 'record') continue;
      // Through the form that is stored: what that loses is lost.
      this.record = recordOf(JSON.parse(JSON.stringify(statusOf(step.record))));
      this.#happened('status', false);
    }
    throw new Error(`no end of work: ${this.effects.slice(-10)}`);
  }

  /** Overlaps and pauses are over by then. */
  async later(): Promise<void> {
    this.now += 2 * HOUR;
    await this.work();
  }

  async inSecret(): Promise<string[]> {
    const all = await this.#server.api().list(secrets, { namespace: 'team-a' });
    return all.items.flatMap(({ data }) => Object.keys(data ?? {})).sort();
  }

  inVault(): Promise<string[]> {
    return bao.list(`kv/metadata/production/team-a/${this.holder.name}/`);
  }

  #step(): Promise<KeeperStep> {
    const keeper = new KeyKeeper({
      store: this.#vault,
      secret: new SecretKeyStore(this.#server.api()),
      poke: async () => undefined,
      confirm: async () => undefined,
    });
    const live = this.record.keys.filter(({ state }) => ['Prepared', 'Active', 'Retiring'].includes(state));
    return keeper.step({
      holder: this.holder,
      now: this.now,
      record: this.record,
      policy: { period: 2160 * HOUR, overlap: HOUR, windows: [], deletionPolicy: 'Destroy' },
      rotation:
        this.rotation === undefined ? undefined : { value: this.rotation, trigger: 'Annotation', proven: false },
      revocation: this.revoked === undefined ? undefined : { keyId: this.revoked, proven: false },
      pod: undefined,
      heard: {
        known: true,
        present: new Set(live.flatMap(({ fingerprint }) => fingerprint ?? [])),
        live: new Set(),
        acknowledged: new Map(),
        registries: [],
        sidecars: [],
        relays: [],
        loaded: undefined,
      },
    });
  }

  /** A write of the Secret is one request: it is done, or not. */
  #tellSecret({ effect }: KeeperStep): void {
    if (effect?.type === 'deliver' || effect?.type === 'withdraw') this.#happened(`secret ${effect.type}`, false);
  }

  #happened(what: string, inCall = true): void {
    if (this.#isDead) throw new Error('dead');
    this.effects.push(what);
    if (this.effects.length - 1 !== this.#mishap?.at) return;
    // What is written and not heard of is, to who goes on, as if another one had written it: it looks again.
    this.#isDead = this.#mishap.fate === 'dies' || !inCall;
    if (inCall) throw new Error('it does not come to know');
  }
}

/** A first key, a rotation, the retirement of the first key, the revocation of the second. */
async function wholeLife(life: Life): Promise<void> {
  await life.work();
  life.rotation = 'one';
  await life.later();
  await life.later();
  life.revoked = 'k2';
  for (let left = 4; left > 0; left--) await life.later();
}

describe('an operator with its keys in a real OpenBao', () => {
  it.each(['dies', 'hears that it failed'] as const)(
    'comes to the end of a rotation, a retirement and a revocation when it %s after any request to OpenBao, write of the Secret or write of status',
    async (fate) => {
      const whole = new Life();
      await wholeLife(whole);
      whole.close();
      const { effects } = whole;
      const kinds = ['vault write', 'vault delete', 'secret deliver', 'secret withdraw', 'status'];
      expect(new Set(effects)).toEqual(new Set(kinds));
      expect(effects.length).toBeGreaterThan(30);
      for (const at of effects.keys()) {
        const life = new Life({ at, fate });
        await wholeLife(life);
        const where = `${fate} after ${at}: ${effects[at]}`;
        expect(life.effects.length, where).toBeGreaterThan(at);
        const states = life.record.keys.map(({ id, state }) => `${id} ${state}`);
        expect(states, where).toEqual(['k1 Destroyed', 'k2 Revoked', 'k3 Active']);
        expect(life.record.failures, where).toEqual([]);
        expect(await life.inVault(), where).toEqual(['k3']);
        expect(await life.inSecret(), where).toEqual(['k3.json']);
        life.close();
      }
    },
    300_000,
  );
});
