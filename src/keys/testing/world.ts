import { isDeepStrictEqual } from 'node:util';
import { secondTime } from '../../kube/index.ts';
import { type KeeperStep, KeyKeeper } from '../keeper.ts';
import { type KeyHolder, KeyStoreError } from '../key-store.ts';
import type { HeardKeys, RevocationRequest, RotationRequest } from '../machine/observed.ts';
import { isLive, type KeyRecord, type KeysRecord, NEW_KEYS_RECORD } from '../machine/record.ts';
import { RestingStores } from '../rest.ts';
import type { RotationPolicy } from '../schedule/policy.ts';
import { MemoryKeyStore } from './memory-key-store.ts';
import { type Change, mayChange, mayFollow, type Scene } from './rules.ts';

/** An operator's process that ends in the middle of what it does. */
export class Crash extends Error {}

/** The API server refuses a write, or does not answer. */
export class StatusRefused extends Error {}

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** How long the kubelet takes to look at a Secret again by itself. Milliseconds. */
const KUBELET_ROUND_MS = 60_000;

/** More steps than any look at unchanged things may need before there is nothing left to do. */
const MAX_STEPS = 60;

interface Pod {
  readonly startTime: number;
  mounted: ReadonlyMap<string, string>;
  mountedAt: number;
  poked: string | undefined;
}

export interface WorldOptions {
  readonly policy?: Partial<RotationPolicy>;
  /** Keys lie in the Secret alone. */
  readonly isShared?: boolean;
  readonly name?: string;
  readonly start?: number;
  /** Nobody but one operator changes anything: each effect and each record is held against what must be so then. */
  readonly isUndisturbed?: boolean;
}

/** Called at every moment at which an operator may die or be refused: before and after each call of a store, a poke, and a write of status. */
export type Moment = (moment: 'before' | 'after', what: string) => void;

/** What a call of a store is to a key. */
const CHANGES: Readonly<Record<'store' | 'secret', ReadonlyMap<string, Change>>> = {
  store: new Map([
    ['create', 'make'],
    ['destroy', 'destroy'],
  ]),
  secret: new Map([
    ['put', 'deliver'],
    ['destroy', 'withdraw'],
  ]),
};

/** A cluster around the keys of one executor: store, Secret, status, a kubelet with a cache, a sidecar, registries, relays. Time goes only when told. */
export class KeysWorld {
  readonly holder: KeyHolder;
  readonly store = new MemoryKeyStore();
  readonly secret: MemoryKeyStore | undefined;
  /** Of one operator; another one, or one that was started again, has its own. */
  rests = new RestingStores();
  now: number;
  /** How far the operator's clock is ahead, in milliseconds. */
  skew = 0;
  policy: RotationPolicy;
  rotation: RotationRequest | undefined;
  revocation: RevocationRequest | undefined;
  pod: Pod | undefined;
  /** How far the kubelet's cache of Secrets is behind, in milliseconds. */
  cacheLag = 0;
  registriesAnswer = true;
  /** Relays, and whether each hears of denies. */
  readonly relays = new Map([
    ['relay a', true],
    ['relay b', true],
  ]);
  onMoment: Moment = () => undefined;
  /** Each record that was written, first to last. */
  readonly written: KeysRecord[] = [NEW_KEYS_RECORD];
  readonly effects: string[] = [];
  readonly #secretBefore: { at: number; keys: ReadonlyMap<string, string> }[] = [];
  readonly #acknowledged = new Map<string, Set<string>>();
  readonly #everMounted = new Set<string>();
  readonly #isUndisturbed: boolean;

  constructor({
    policy,
    isShared = false,
    name = 'build',
    start = Date.parse('2026-11-30T00:00:00Z'),
    isUndisturbed = false,
  }: WorldOptions = {}) {
    this.#isUndisturbed = isUndisturbed;
    this.holder = { namespace: 'team-a', name, uid: 'uid-1' };
    this.now = start;
    this.policy = { period: 90 * DAY, overlap: DAY, windows: [], deletionPolicy: 'Destroy', ...policy };
    this.secret = isShared ? undefined : new MemoryKeyStore();
    this.store.fault = (moment, call, id) => this.#call('store', moment, call, id);
    if (this.secret) this.secret.fault = (moment, call, id) => this.#call('secret', moment, call, id);
  }

  get record(): KeysRecord {
    const last = this.written.at(-1);
    if (last === undefined) throw new Error('nothing was ever written');
    return last;
  }

  get version(): number {
    return this.written.length - 1;
  }

  key(id: string): KeyRecord | undefined {
    return this.record.keys.find((key) => key.id === id);
  }

  request(value: string): void {
    this.rotation = { value, trigger: 'Annotation', proven: false };
  }

  startPod(): void {
    this.pod = { startTime: this.now, mounted: new Map(), mountedAt: this.now, poked: undefined };
    this.#mount(this.pod);
  }

  /** Fingerprints that registries accept and that a live socket serves. */
  get present(): ReadonlySet<string> {
    const accepted = new Set(this.record.keys.filter(isLive).flatMap(({ fingerprint }) => fingerprint ?? []));
    return new Set([...(this.pod?.mounted.values() ?? [])].filter((fingerprint) => accepted.has(fingerprint)));
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    this.#live();
  }

  /** One step of an operator that has read status at `version`: the newest, or an older one from a cache. */
  async step(version = this.version): Promise<KeeperStep> {
    const record = this.written[version];
    if (record === undefined) throw new Error(`no version ${version}`);
    this.#live();
    const keeper = new KeyKeeper({
      store: this.store,
      secret: this.secret,
      rests: this.rests,
      poke: async (_holder, value) => this.#poke(value),
      confirm: async () => {
        if (version !== this.version) throw new StatusRefused('it has changed');
      },
    });
    const { holder, policy, rotation, revocation } = this;
    const now = this.now + this.skew;
    const pod = this.pod && { startTime: this.pod.startTime, poked: this.pod.poked };
    const step = await keeper.step({ holder, now, policy, rotation, revocation, record, pod, heard: this.#heard() });
    if (step.effect) this.effects.push(step.effect.type === 'poke' ? 'poke' : `${step.effect.type} ${step.effect.id}`);
    if (step.type === 'record') this.#write(step.record, version);
    return step;
  }

  /**
   * Steps until there is nothing to do now, and gives the time of the next look. An operator that dies is started again at once; one that the API
   * server refuses looks again later.
   */
  async work(): Promise<number | undefined> {
    for (let left = MAX_STEPS; left > 0; left--) {
      try {
        const step = await this.step();
        if (step.type === 'wait') return step.until === undefined ? undefined : step.until - this.skew;
      } catch (error) {
        if (error instanceof StatusRefused) return undefined;
        if (!(error instanceof Crash)) throw error;
      }
    }
    throw new Error(`no end of work: ${this.effects.slice(-10).join(', ')}`);
  }

  /** An operator that looks every `pace` milliseconds, and whenever it said it would. */
  async run(duration: number, pace = 500): Promise<void> {
    const end = this.now + duration;
    for (;;) {
      const until = await this.work();
      if (this.now >= end) return;
      const next = Math.min(end, this.now + pace, until ?? Number.POSITIVE_INFINITY);
      this.advance(Math.max(1, next - this.now));
    }
  }

  #write(record: KeysRecord, version: number): void {
    this.#moment('before', 'status');
    if (version !== this.version) throw new StatusRefused('another one wrote');
    if (isDeepStrictEqual(record, this.record)) throw new Error('a write that changes nothing');
    if (this.#isUndisturbed) mayFollow(this.record, record, this.#scene());
    this.written.push(record);
    this.#live();
    this.#moment('after', 'status');
  }

  #poke(value: string): void {
    this.#moment('before', 'poke');
    if (this.pod) {
      this.pod.poked = value;
      this.#mount(this.pod);
    }
    this.#moment('after', 'poke');
  }

  #call(place: 'store' | 'secret', moment: 'before' | 'after', call: string, id = ''): void {
    this.#moment(moment, `${place} ${call} ${id}`.trim());
    const change = CHANGES[place].get(call);
    if (this.#isUndisturbed && moment === 'before' && change !== undefined) mayChange(change, id, this.#scene());
  }

  #scene(): Scene {
    const { record, revocation, rotation } = this;
    return {
      record,
      store: this.store.fingerprints(),
      secret: this.secret?.fingerprints(),
      served: this.#everMounted,
      loaded: new Set(this.pod?.mounted.values()),
      asked: { rotation: rotation?.value, revocation: revocation?.keyId },
      now: this.now,
    };
  }

  #moment(moment: 'before' | 'after', what: string): void {
    this.#remember();
    this.onMoment(moment, what);
  }

  /** What happens by itself: the kubelet looks at its cache, sidecar and relays hear of denies. */
  #live(): void {
    this.#remember();
    if (this.pod && this.now - this.pod.mountedAt >= KUBELET_ROUND_MS) this.#mount(this.pod);
    if (!this.registriesAnswer) return;
    for (const { state, fingerprint, revocationTime } of this.record.keys) {
      // A moment after it was recorded, so that what must wait for it can be seen to.
      if (state !== 'Revoked' || fingerprint === undefined || revocationTime === secondTime(this.now)) continue;
      const heard = this.#acknowledged.get(fingerprint) ?? new Set();
      heard.add('registry');
      if (this.pod) heard.add('sidecar');
      for (const [relay, isReached] of this.relays) if (isReached) heard.add(relay);
      this.#acknowledged.set(fingerprint, heard);
    }
  }

  #remember(): void {
    const keys = (this.secret ?? this.store).fingerprints();
    const last = this.#secretBefore.at(-1)?.keys ?? new Map();
    if ([...last].join() !== [...keys].join()) this.#secretBefore.push({ at: this.now, keys });
  }

  /** The newest Secret that is as old as the cache is behind. */
  #mount(pod: Pod): void {
    pod.mounted = this.#secretBefore.findLast(({ at }) => at <= this.now - this.cacheLag)?.keys ?? pod.mounted;
    pod.mountedAt = this.now;
    for (const fingerprint of pod.mounted.values()) this.#everMounted.add(fingerprint);
  }

  #heard(): HeardKeys {
    const known = this.registriesAnswer;
    return {
      known,
      present: known ? this.present : new Set(),
      acknowledged: new Map([...this.#acknowledged].map(([fingerprint, by]) => [fingerprint, new Set(by)])),
      live: known ? this.present : new Set(),
      registries: ['registry'],
      sidecars: this.pod ? ['sidecar'] : [],
      relays: [...this.relays.keys()],
      loaded: known && this.pod ? new Set(this.pod.mounted.values()) : undefined,
    };
  }
}

/** A fault that makes a place unreachable while it lasts. */
export function unavailable(): never {
  throw new KeyStoreError('unavailable', 'test', 'it does not answer');
}

/** What must be so at any moment, whatever happened. */
export function alwaysTrue(world: KeysWorld): void {
  const names = new Map<string, string>();
  let before: ReadonlyMap<string, KeyRecord> = new Map();
  for (const { keys, dropped } of world.written) {
    expectTrue(keys.filter(({ state }) => state === 'Active').length <= 1, 'two active keys');
    expectTrue(keys.filter(isLive).length <= 3, 'more than three live keys');
    const numbers = keys.map(({ id }) => Number(id.slice(1)));
    expectTrue(
      numbers.every((number, index) => number === dropped + index + 1),
      `history has a gap: ${numbers} after ${dropped}`,
    );
    for (const key of keys) {
      const was = before.get(key.id);
      const named = names.get(key.id) ?? key.fingerprint;
      expectTrue(named === key.fingerprint || key.fingerprint === undefined, `${key.id} names two keys`);
      if (named !== undefined) names.set(key.id, named);
      expectTrue(!(was && ENDED.has(was.state) && isLive(key)), `${key.id} came back`);
    }
    before = new Map(keys.map((key) => [key.id, key]));
  }
}

const ENDED: ReadonlySet<string> = new Set(['Retired', 'Destroyed', 'Revoked']);

/** What must be so when everything works again and some time has passed. */
export function trueInTheEnd(world: KeysWorld): void {
  alwaysTrue(world);
  const { record, store, secret } = world;
  const active = record.keys.filter(({ state }) => state === 'Active');
  expectTrue(active.length === 1, `${active.length} active keys`);
  const [key] = active;
  if (key === undefined) return;
  expectTrue(world.present.has(key.fingerprint ?? ''), `${key.id} is active and not present`);
  for (const place of [store, secret ?? store]) {
    const held = place.fingerprints();
    const live = record.keys.filter(isLive);
    expectTrue(
      live.every(({ id, fingerprint }) => held.get(id) === fingerprint),
      `a live key is missing: ${[...held.keys()]}`,
    );
    expectTrue(
      [...held.keys()].every((id) => live.some((each) => each.id === id)),
      `${[...held.keys()]} are left over`,
    );
  }
  expectTrue(
    record.keys.every(({ state }) => state !== 'Pending' && state !== 'Prepared' && state !== 'Retired'),
    `half a rotation: ${record.keys.map(({ id, state }) => `${id} ${state}`)}`,
  );
  expectTrue(record.failures.length === 0, `a failure that is over: ${JSON.stringify(record.failures)}`);
}

function expectTrue(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
