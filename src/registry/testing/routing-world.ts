import fc from 'fast-check';
import {
  type BootId,
  type EnvironmentId,
  type ExecutorTicket,
  type Incarnation,
  type KeyHash,
  parseBootId,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyHash,
  parseKeyId,
  registrationIdOf,
} from '../../wire/index.ts';
import { MAX_HOLD_MS, SAME_KEY_GRACE_MS } from '../api/connect.ts';
import type { KeyState } from '../directory/directory.ts';
import {
  type ConnectionId,
  type PresenceTable,
  type RelayLoad,
  SESSION_COPY_MS,
  SUSPECT_MS,
} from '../presence/table.ts';

export const PODS = ['default_a', 'default_b'].map(parseEnvironmentId);
export const HOST = parseEnvironmentId('default_host');
const LIVES = ['pod-1', 'pod-2', 'pod-3'].map(parseIncarnation);
export const KEYS = ['A', 'B', 'C'].map((letter, index) => ({
  id: parseKeyId(`k${index + 1}`),
  fingerprint: parseFingerprint(`SHA256:${letter.repeat(43)}`),
}));
export const HARNESSES = ['h', 'i'].map((letter) => parseKeyHash(`SHA256:${letter.repeat(43)}`));
const STATES: readonly KeyState[] = ['Prepared', 'Active', 'Retiring', 'Revoked', 'Destroyed'];
const SERVING: ReadonlySet<KeyState> = new Set(['Prepared', 'Active', 'Retiring']);

/** A registration, and which of `KEYS` it is of: what the registry must find out from hashes. */
interface Registration {
  readonly key: number;
  readonly ticket: ExecutorTicket;
}

function registrationOf(environmentId: EnvironmentId, life: Incarnation | undefined, key: number): Registration {
  const fingerprint = KEYS[key]?.fingerprint ?? parseFingerprint('none');
  // Of a host the key is the life. Its second and third key came at the same moment.
  const incarnation = life ?? parseIncarnation(fingerprint);
  const registrationId = registrationIdOf(environmentId, incarnation, fingerprint);
  const publicKey = { x25519: new Uint8Array(32), mlkem768: new Uint8Array(1184) };
  const runtime = life === undefined ? 'external' : 'sidecar';
  const firstRegistrationTime = Math.min(key, 1);
  return {
    key,
    ticket: { environmentId, incarnation, registrationId, publicKey, runtime, firstRegistrationTime, expiresAt: 0 },
  };
}

const OF_EACH_KEY = KEYS.map((_, index) => index);
const REGISTRATIONS: readonly Registration[] = [
  ...PODS.flatMap((id) => LIVES.flatMap((life) => OF_EACH_KEY.map((key) => registrationOf(id, life, key)))),
  ...OF_EACH_KEY.map((key) => registrationOf(HOST, undefined, key)),
];

/** Which of an incarnation's keys each harness has a session under. */
type Sessions = readonly { readonly harness: KeyHash; readonly key: number }[];

type Step =
  | { do: 'hello'; connection: ConnectionId; port: number; boot: number }
  | { do: 'snapshot'; connection: ConnectionId; all: readonly Registration[]; sessions: Sessions }
  | { do: 'add' | 'sessions'; connection: ConnectionId; of: Registration; sessions: Sessions }
  | { do: 'remove'; connection: ConnectionId; of: Registration }
  | { do: 'lost'; connection: ConnectionId }
  | { do: 'load'; connection: ConnectionId; load: RelayLoad }
  | { do: 'suspect'; boot: number }
  | { do: 'fence'; environment: EnvironmentId; life: Incarnation | undefined }
  | { do: 'key'; environment: EnvironmentId; key: number; state: KeyState }
  | { do: 'wait'; milliseconds: number };

const connection = fc.integer({ min: 1, max: 4 });
const boot = fc.integer({ min: 1, max: 4 });
const environment = fc.constantFrom(...PODS);
const of = fc.constantFrom(...REGISTRATIONS);
const all = fc.uniqueArray(of, { maxLength: 10 });
const key = fc.nat(KEYS.length - 1);
const sessions = fc.array(fc.record({ harness: fc.constantFrom(...HARNESSES), key }), { maxLength: 2 });
const load = fc.record({ streams: fc.nat(3), bytesPerSecond: fc.constant(0), draining: fc.boolean() });
const life = fc.option(fc.constantFrom(...LIVES), { nil: undefined, freq: 9 });
const state = fc.constantFrom(...STATES);
const milliseconds = fc.constantFrom(
  1,
  SAME_KEY_GRACE_MS,
  MAX_HOLD_MS,
  SESSION_COPY_MS - 1,
  SESSION_COPY_MS,
  SUSPECT_MS,
);

/** A relay that comes takes everything away that stood at its place, so the others come more often. */
export const aStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('hello' as const), connection, port: fc.integer({ min: 1, max: 3 }), boot }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant('snapshot' as const), connection, all, sessions }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('add', 'sessions'), connection, of, sessions }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), connection, of }) },
  fc.record({ do: fc.constant('lost' as const), connection }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('load' as const), connection, load }) },
  fc.record({ do: fc.constant('suspect' as const), boot }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fence' as const), environment, life }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('key' as const), environment, key, state }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), milliseconds }) },
);

/** Three relays that have just introduced themselves. */
export const INTRODUCED: readonly Step[] = [1, 2, 3].map((each) => ({
  do: 'hello',
  connection: each,
  port: each,
  boot: each,
}));

const bootIdOf = (boot: number) => parseBootId(`relay-boot-${boot}`);
const addressOf = (port: number) => `10.0.0.1:${port}`;

/** What an incarnation last said about its sessions: of each harness, under which key. */
interface Told {
  readonly sessions: ReadonlyMap<KeyHash, number>;
  heldUpAt: number;
}

/** What is true, in the plainest words: who stands on which connection, and what each environment wants. */
export class World {
  now = 1_000_000;
  readonly relays = new Map<
    ConnectionId,
    {
      bootId: BootId;
      address: string;
      here: Set<Registration>;
      reported: boolean;
      load: RelayLoad;
      suspectedAt: number | undefined;
    }
  >();
  readonly fences = new Map<EnvironmentId, Incarnation | undefined>(PODS.map((id) => [id, LIVES[0]]));
  readonly keys = new Map<EnvironmentId, KeyState[]>(PODS.map((id) => [id, ['Active', 'Prepared', 'Destroyed']]));
  readonly #told = new Map<EnvironmentId, Map<Incarnation, Told>>();

  take(step: Step): void {
    this.#holdUp();
    const relay = 'connection' in step ? this.relays.get(step.connection) : undefined;
    switch (step.do) {
      case 'hello':
        this.#welcome(step);
        return;
      case 'snapshot':
        if (relay === undefined) return;
        Object.assign(relay, { here: new Set(step.all), reported: true });
        for (const each of step.all) this.#tell(each, step.sessions);
        return;
      case 'add':
        if (!relay?.reported) return;
        relay.here.add(step.of);
        this.#tell(step.of, step.sessions);
        return;
      case 'sessions':
        if (relay?.here.has(step.of)) this.#tell(step.of, step.sessions);
        return;
      case 'remove':
        relay?.here.delete(step.of);
        return;
      case 'lost':
        this.relays.delete(step.connection);
        return;
      case 'load':
        if (relay === undefined) return;
        relay.load = step.load;
        if (relay.suspectedAt !== undefined && this.now >= relay.suspectedAt + SUSPECT_MS)
          relay.suspectedAt = undefined;
        return;
      case 'suspect':
        for (const each of this.relays.values()) {
          if (each.bootId === bootIdOf(step.boot)) each.suspectedAt = this.now;
        }
        return;
      case 'fence':
        this.fences.set(step.environment, step.life);
        return;
      case 'key':
        this.keys.get(step.environment)?.splice(step.key, 1, step.state);
        return;
      case 'wait':
        this.now += step.milliseconds;
        return;
      default:
        step satisfies never;
    }
  }

  #welcome({ connection, boot, port }: Extract<Step, { do: 'hello' }>): void {
    const [bootId, address] = [bootIdOf(boot), addressOf(port)];
    for (const [id, other] of this.relays) {
      if (id === connection || other.bootId === bootId || other.address === address) this.relays.delete(id);
    }
    const load = { streams: 0, bytesPerSecond: 0, draining: false };
    const nothing = { here: new Set<Registration>(), reported: false, load, suspectedAt: undefined };
    this.relays.set(connection, { bootId, address, ...nothing });
  }

  /** Where the environment's registrations are now. */
  live(id: EnvironmentId) {
    return [...this.relays].flatMap(([connection, { here, ...relay }]) =>
      [...here]
        .filter(({ ticket }) => ticket.environmentId === id)
        .map((registration) => ({ connection, ...relay, registration })),
    );
  }

  isServing(id: EnvironmentId, key: number): boolean {
    return SERVING.has(this.keys.get(id)?.[key] ?? 'Destroyed');
  }

  /** The keys of the harness's sessions, those of earlier lives only when it has none in this one; without those that serve no more. */
  boundTo(id: EnvironmentId, harness: KeyHash): { isOfThisLife: boolean; keys: number[] } {
    const told = [...(this.#told.get(id) ?? [])].filter(
      ([life, { heldUpAt }]) => this.#isLive(id, life) || this.now < heldUpAt + SESSION_COPY_MS,
    );
    const ofThisLife = told.filter(([life, { sessions }]) => life === this.fences.get(id) && sessions.has(harness));
    const keys = (ofThisLife.length > 0 ? ofThisLife : told).flatMap(([, { sessions }]) => sessions.get(harness) ?? []);
    return { isOfThisLife: ofThisLife.length > 0, keys: keys.filter((key) => this.isServing(id, key)) };
  }

  #isLive(id: EnvironmentId, life: Incarnation): boolean {
    return this.live(id).some(({ registration }) => registration.ticket.incarnation === life);
  }

  #holdUp(): void {
    for (const [id, lives] of this.#told) {
      for (const [life, told] of lives) if (this.#isLive(id, life)) told.heldUpAt = this.now;
    }
  }

  #tell({ ticket: { environmentId, incarnation } }: Registration, sessions: Sessions): void {
    const lives = this.#told.get(environmentId) ?? new Map<Incarnation, Told>();
    const byHarness = new Map(sessions.map(({ harness, key }) => [harness, key]));
    this.#told.set(environmentId, lives.set(incarnation, { sessions: byHarness, heldUpAt: this.now }));
  }
}

/** The same step, as presence brings it to the table. */
export function apply(table: PresenceTable, step: Step, now: number): void {
  const entry = ({ ticket }: Registration, sessions: Sessions) => ({
    ticket,
    sessions: sessions.map(({ harness, key }) => {
      const life = ticket.runtime === 'external' ? undefined : ticket.incarnation;
      return { harness, registrationId: registrationOf(ticket.environmentId, life, key).ticket.registrationId };
    }),
  });
  switch (step.do) {
    case 'hello':
      table.lost(step.connection, now);
      table.hello(step.connection, { bootId: bootIdOf(step.boot), address: addressOf(step.port) }, now);
      return;
    case 'snapshot': {
      const entries = step.all.map((each) => entry(each, step.sessions));
      table.snapshot(step.connection, entries, now);
      return;
    }
    case 'add':
      table.add(step.connection, entry(step.of, step.sessions), now);
      return;
    case 'sessions':
      table.sessions(step.connection, step.of.ticket.registrationId, entry(step.of, step.sessions).sessions);
      return;
    case 'remove':
      table.remove(step.connection, step.of.ticket.registrationId, now);
      return;
    case 'lost':
      table.lost(step.connection, now);
      return;
    case 'load':
      table.load(step.connection, step.load, now);
      return;
    case 'suspect':
      table.suspect(bootIdOf(step.boot), now);
      return;
    case 'fence':
    case 'key':
    case 'wait':
      return;
    default:
      step satisfies never;
  }
}
