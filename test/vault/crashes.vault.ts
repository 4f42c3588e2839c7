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
import { Bao } from './bao.ts';
import { GUIDE_POLICY, writePolicy } from './policy.ts';
import { ServiceAccounts } from './service-accounts.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-11-30T00:00:00Z');
const EMPTY = recordOf({ keys: [], formerKeys: [], handledRotationRequests: [], keyFailures: [] });

let bao: Bao;
let accounts: ServiceAccounts;
let executors = 0;

beforeAll(async () => {
  bao = await Bao.start();
  await writePolicy(bao, GUIDE_POLICY);
  accounts = await ServiceAccounts.connect(bao, 3_600);
});
afterAll(async () => {
  accounts?.close();
  await bao?.close();
});

/** An operator over a real OpenBao and Secrets with the API server's semantics; it dies after the effect with the number `dieAt`. */
class Life {
  record: KeysRecord = EMPTY;
  now = START;
  rotation: string | undefined;
  /** Every request, write of the Secret and write of status that had an effect, in order. */
  readonly effects: string[] = [];
  readonly holder: KeyHolder;
  readonly #dieAt: number | undefined;
  readonly #server = new MemoryApiServer({ clock: systemClock });
  readonly #vault: VaultKeyStore;
  #isDead = false;

  constructor(dieAt?: number) {
    executors += 1;
    this.holder = { namespace: 'team-a', name: `build-${executors}`, uid: `uid-${executors}` };
    this.#dieAt = dieAt;
    const { tokenFile } = accounts;
    const login = { type: 'Kubernetes', mount: 'kubernetes', role: 'noisefleet', tokenFile } as const;
    this.#vault = new VaultKeyStore({
      settings: { address: bao.address, mount: 'kv', cluster: 'production', login, ca: bao.ca },
      clock: systemClock,
      environment: {},
      onCall: ({ operation }) => {
        if (operation === 'write' || operation === 'delete') this.#happened(`vault ${operation}`);
        else if (this.#isDead) throw new Error('dead');
      },
    });
    this.#server.intercept(({ method, path }) => {
      if (method !== 'GET' && path.includes('/secrets') && this.#isDead) return { status: 500, body: {} };
      return undefined;
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
      revocation: undefined,
      pod: undefined,
      heard: {
        known: true,
        present: new Set(live.flatMap(({ fingerprint }) => fingerprint ?? [])),
        acknowledged: new Map(),
        sidecars: [],
        relays: [],
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
    if (this.effects.length - 1 !== this.#dieAt) return;
    this.#isDead = true;
    if (inCall) throw new Error('dead');
  }
}

/** A first key, a rotation, the retirement of the first key. */
async function rotate(life: Life): Promise<void> {
  await life.work();
  life.rotation = 'one';
  await life.work();
  life.now += 2 * HOUR;
  await life.work();
  // What a death left a pause for.
  life.now += HOUR;
  await life.work();
}

describe('an operator with its keys in a real OpenBao', () => {
  it('comes to the end of a rotation and a retirement wherever it dies: after each request to OpenBao, each write of the Secret, each of status', async () => {
    const whole = new Life();
    await rotate(whole);
    whole.close();
    const { effects } = whole;
    expect(new Set(effects)).toEqual(
      new Set(['vault write', 'vault delete', 'secret deliver', 'secret withdraw', 'status']),
    );
    expect(effects.length).toBeGreaterThan(20);
    for (const at of effects.keys()) {
      const life = new Life(at);
      await rotate(life);
      const where = `died after ${at}: ${effects[at]}`;
      expect(life.effects.length, where).toBeGreaterThan(at);
      expect(
        life.record.keys.map(({ id, state }) => `${id} ${state}`),
        where,
      ).toEqual(['k1 Destroyed', 'k2 Active']);
      expect(life.record.failures, where).toEqual([]);
      expect(await life.inVault(), where).toEqual(['k2']);
      expect(await life.inSecret(), where).toEqual(['k2.json']);
      life.close();
    }
  }, 300_000);
});
