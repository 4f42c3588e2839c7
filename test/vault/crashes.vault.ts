import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeeperStep,
  type KeyHolder,
  KeyKeeper,
  type KeyStore,
  KeyStoreError,
  type KeysRecord,
  recordOf,
  SecretKeyStore,
  statusOf,
  VaultKeyStore,
} from '../../src/keys/index.ts';
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
  /** The number of the moment at which it comes. */
  readonly at: number;
  /** `fails`: the operator goes on, and Vault, the API server or the pod's way has failed there: before, undone; after, done and not heard of. */
  readonly fate: 'dies' | 'fails';
}

/** What the operator that dies, or is refused, gets where no store speaks. */
class Misfortune extends Error {}

/** An operator over a real OpenBao and Secrets with the API server's semantics, to which one mishap comes. */
class Life {
  record: KeysRecord = EMPTY;
  now = START;
  rotation: string | undefined;
  revoked: string | undefined;
  /** Before each effect, and after: a change in OpenBao (after: each request of it), the Secret, a poke of the pod, a write of status. */
  readonly moments: string[] = [];
  readonly holder: KeyHolder;
  readonly #mishap: Mishap | undefined;
  readonly #secret = new SecretKeyStore(new MemoryApiServer({ clock: systemClock }).api());
  readonly #vault: VaultKeyStore;
  #poked: string | undefined;
  /** Fingerprints of what was in the Secret at the last poke. */
  #mounted: ReadonlySet<string> = new Set();
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
        if (operation === 'write' || operation === 'delete') this.#moment(`after vault ${operation}`);
        else if (this.#isDead) throw new Misfortune('dead');
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
      try {
        const step = await this.#step();
        // The dead write nothing down.
        if (this.#isDead) continue;
        if (step.type === 'wait') return;
        if (step.type === 'record') this.#write(step.record);
      } catch (error) {
        if (!(error instanceof Misfortune)) throw error;
      }
    }
    throw new Error(`no end of work: ${this.moments.slice(-10)}`);
  }

  /** Overlaps and pauses are over by then. */
  async later(): Promise<void> {
    this.now += 2 * HOUR;
    await this.work();
  }

  async inSecret(): Promise<string[]> {
    return (await this.#secret.list(this.holder)).map(({ id }) => id);
  }

  inVault(): Promise<string[]> {
    return bao.list(`kv/metadata/production/team-a/${this.holder.name}/`);
  }

  #step(): Promise<KeeperStep> {
    const keeper = new KeyKeeper({
      store: this.#watched(this.#vault, 'vault'),
      secret: this.#watched(this.#secret, 'secret'),
      poke: (_holder, value) => this.#poke(value),
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
      pod: { startTime: START - HOUR, poked: this.#poked },
      heard: {
        known: true,
        present: new Set(live.flatMap(({ fingerprint = '' }) => (this.#mounted.has(fingerprint) ? fingerprint : []))),
        live: new Set(),
        acknowledged: new Map(),
        registries: [],
        sidecars: [],
        relays: [],
        loaded: undefined,
      },
    });
  }

  /** A change of the Secret is one request: it is done, or not. One in OpenBao may be several, and `onCall` hears of each. */
  #watched(store: KeyStore, place: 'vault' | 'secret'): KeyStore {
    const effect = async <Result>(what: string, change: () => Promise<Result>): Promise<Result> => {
      this.#moment(`before ${place} ${what}`);
      const result = await change();
      if (place === 'secret') this.#moment(`after ${place} ${what}`);
      return result;
    };
    return {
      list: (holder) => store.list(holder),
      read: (holder, id) => store.read(holder, id),
      create: (holder, id) => effect('create', () => store.create(holder, id)),
      put: (holder, id, keyFile) => effect('put', () => store.put(holder, id, keyFile)),
      note: (holder, id, note) => effect('note', () => store.note(holder, id, note)),
      destroy: (holder, id, policy) => effect('destroy', () => store.destroy(holder, id, policy)),
    };
  }

  async #poke(value: string): Promise<void> {
    this.#moment('before poke');
    this.#poked = value;
    const keys = await this.#secret.list(this.holder);
    this.#mounted = new Set(keys.flatMap(({ fingerprint }) => fingerprint ?? []));
    this.#moment('after poke');
  }

  #write(record: KeysRecord): void {
    this.#moment('before status');
    // Through the form that is stored: what that loses is lost.
    this.record = recordOf(JSON.parse(JSON.stringify(statusOf(record))));
    this.#moment('after status');
  }

  #moment(what: string): void {
    if (this.#isDead) throw new Misfortune('dead');
    this.moments.push(what);
    if (this.moments.length - 1 !== this.#mishap?.at) return;
    this.#isDead = this.#mishap.fate === 'dies';
    const isOfStore = /vault|secret/.test(what);
    throw isOfStore ? new KeyStoreError('unavailable', 'test', what) : new Misfortune(what);
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

const KINDS = [
  ...['create', 'note', 'destroy'].map((call) => `before vault ${call}`),
  ...['write', 'delete'].map((request) => `after vault ${request}`),
  ...['secret put', 'secret destroy', 'poke', 'status'].flatMap((effect) => [`before ${effect}`, `after ${effect}`]),
];

describe('an operator with its keys in a real OpenBao', () => {
  it.each(['dies', 'fails'] as const)(
    'comes to the end of a rotation, a retirement and a revocation when it, or what it asks, %s before or after any effect',
    async (fate) => {
      const whole = new Life();
      await wholeLife(whole);
      whole.close();
      const { moments } = whole;
      expect(new Set(moments)).toEqual(new Set(KINDS));
      expect(moments.length).toBeGreaterThan(60);
      for (const at of moments.keys()) {
        const life = new Life({ at, fate });
        await wholeLife(life);
        const where = `${fate} at ${at}: ${moments[at]}`;
        expect(life.moments.length, where).toBeGreaterThan(at);
        const states = life.record.keys.map(({ id, state }) => `${id} ${state}`);
        expect(states, where).toEqual(['k1 Destroyed', 'k2 Revoked', 'k3 Active']);
        expect(life.record.failures, where).toEqual([]);
        expect(await life.inVault(), where).toEqual(['k3']);
        expect(await life.inSecret(), where).toEqual(['k3']);
        life.close();
      }
    },
    600_000,
  );
});
