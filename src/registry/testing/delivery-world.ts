import fc from 'fast-check';
import {
  type ExecutorTicket,
  environmentIdOf,
  type Incarnation,
  parseBootId,
  parseFingerprint,
  parseIncarnation,
  parseKeyId,
  type RefusalCode,
  registrationIdOf,
} from '../../wire/index.ts';
import type { RegisterDecision } from '../api/register.ts';
import type { KeyState } from '../directory/directory.ts';
import { DeliveryRegistry, type Recorded, type Word } from './delivery-registry.ts';

const ENVIRONMENT = environmentIdOf('team-a', 'build');
const SERVING: ReadonlySet<KeyState | undefined> = new Set<KeyState>(['Prepared', 'Active', 'Retiring']);

/** Keys, oldest first: what becomes of them is chosen at random. */
export const KEYS = ['A', 'B', 'C', 'D'].map((letter, index) => ({
  id: parseKeyId(`k${index + 1}`),
  fingerprint: parseFingerprint(`SHA256:${letter.repeat(43)}`),
}));
const PUBLIC_KEY = { x25519: new Uint8Array(32), mlkem768: new Uint8Array(1184) };
const RELAYS = [0, 1];
const REGISTRIES = [0, 1];

/** What each key may become next; a key that is not there yet may be made. */
const NEXT: Readonly<Record<KeyState | 'None', readonly (KeyState | 'None')[]>> = {
  None: ['Prepared'],
  Prepared: ['Active', 'Revoked'],
  Active: ['Retiring', 'Revoked'],
  Retiring: ['Destroyed', 'Revoked'],
  Revoked: [],
  Destroyed: [],
};

export type Step =
  /** The operator writes the record: a key's next state, another pod, none, or that it is out of service, or in it again. */
  | { readonly do: 'key'; readonly key: number; readonly choice: number }
  | { readonly do: 'pod' | 'noPod' | 'service' }
  /** The Secret has a key that it had not, or the other way round. */
  | { readonly do: 'secret'; readonly key: number }
  /** The kubelet mounts the Secret into the newest pod: as it is or as it was; a process of any pod ends. */
  | { readonly do: 'mount' | 'die'; readonly choice: number }
  /** A sidecar registers its keys at a registry, or opens what sockets it may. */
  | { readonly do: 'register'; readonly choice: number; readonly registry: number; readonly relay: number }
  /** A stream on a socket begins or ends; a socket is lost. */
  | { readonly do: 'stream' | 'lose'; readonly choice: number }
  /** A registry hears of a later record; of what a relay says; loses its relay; starts anew. */
  | { readonly do: 'see'; readonly registry: number; readonly choice: number }
  | { readonly do: 'hear' | 'cut'; readonly registry: number; readonly relay: number }
  | { readonly do: 'restart'; readonly registry: number }
  /** All of it comes to rest. */
  | { readonly do: 'settle' };

const choice = fc.nat(9);
const key = fc.nat(KEYS.length - 1);
const registry = fc.constantFrom(...REGISTRIES);
const relay = fc.constantFrom(...RELAYS);
const simple = (name: 'pod' | 'noPod' | 'service' | 'settle') => fc.constant({ do: name } as const);

export const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('key' as const), key, choice }) },
  { weight: 2, arbitrary: simple('pod') },
  simple('noPod'),
  simple('service'),
  { weight: 4, arbitrary: fc.record({ do: fc.constant('secret' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('mount' as const), choice }) },
  fc.record({ do: fc.constantFrom('die', 'lose'), choice }),
  { weight: 5, arbitrary: fc.record({ do: fc.constant('register' as const), choice, registry, relay }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stream' as const), choice }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('see' as const), registry, choice }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('hear' as const), registry, relay }) },
  fc.record({ do: fc.constant('cut' as const), registry, relay }),
  fc.record({ do: fc.constant('restart' as const), registry }),
  simple('settle'),
);

/** A pod with one key, which serves. */
export const SERVED: readonly Step[] = [
  { do: 'key', key: 0, choice: 0 },
  { do: 'secret', key: 0 },
  { do: 'pod' },
  { do: 'settle' },
];

interface Pod {
  readonly incarnation: Incarnation;
  /** Of the Secret that it has mounted. */
  mounted: ReadonlySet<number>;
  alive: boolean;
}

interface Socket {
  readonly pod: Pod;
  readonly key: number;
  readonly relay: number;
  readonly ticket: ExecutorTicket;
  /** False: its sidecar has no longer the key, and a stream goes on. */
  serving: boolean;
  hasStream: boolean;
}

/** A cluster with one executor: what is recorded of it, what its pods have, which sockets live, and what of all that is still under way. */
export class DeliveryWorld {
  readonly registries = REGISTRIES.map(() => new DeliveryRegistry(RELAYS.length));
  /** Every version of the record, the newest last. */
  readonly #records: Recorded[] = [{ fence: undefined, served: true, keys: [] }];
  readonly #secrets: ReadonlySet<number>[] = [new Set()];
  readonly #pods: Pod[] = [];
  #sockets: Socket[] = [];

  constructor() {
    for (const registry of this.registries) this.#start(registry);
  }

  take(step: Step): void {
    switch (step.do) {
      case 'key':
        this.#changeKey(step.key, step.choice);
        return;
      case 'pod':
        this.#newPod();
        return;
      case 'noPod':
        this.#record({ fence: undefined });
        return;
      case 'service':
        this.#record({ served: !this.#now.served });
        return;
      case 'secret':
        this.#changeSecret(step.key);
        return;
      case 'mount':
        this.#mount(this.#pods.at(-1), this.#secrets.at(-1 - (step.choice % this.#secrets.length)));
        return;
      case 'die':
        this.#die(this.#pods.at(step.choice % Math.max(1, this.#pods.length)));
        return;
      case 'register':
        this.#register(this.#pods.at(-1 - (step.choice % 2)), step.registry, step.relay);
        return;
      case 'stream':
        this.#toggleStream(this.#sockets.at(step.choice % Math.max(1, this.#sockets.length)));
        return;
      case 'lose':
        this.#close(this.#sockets.filter((_, index) => index === step.choice));
        return;
      case 'see':
        this.#see(this.registries[step.registry], step.choice);
        return;
      case 'hear':
        this.registries[step.registry]?.hear(step.relay);
        return;
      case 'cut':
        this.#reconnect(step.registry, step.relay);
        return;
      case 'restart':
        this.registries[step.registry]?.restart();
        this.#start(this.registries[step.registry]);
        return;
      case 'settle':
        this.settle();
        return;
      default:
        step satisfies never;
    }
  }

  /** Nothing is under way any more: everybody has seen the newest of everything, and each sidecar has registered what it has. */
  settle(): void {
    for (const registry of this.registries) registry.see(this.#records, this.#records.length - 1);
    this.#enforce();
    for (const pod of this.#pods) {
      if (pod.incarnation === this.#now.fence) this.#mount(pod, this.#secrets.at(-1));
      for (const relay of RELAYS) this.#register(pod, 0, relay);
    }
    for (const registry of this.registries) for (const relay of RELAYS) registry.hearAll(relay);
  }

  /** The key that a new harness shall be given when all has come to rest: the newest that is in the pod that counts, and that status lets serve. */
  get wanted(): number | undefined {
    const { fence, served } = this.#now;
    const pod = this.#pods.find(({ incarnation, alive }) => alive && incarnation === fence);
    const keys = served && pod !== undefined ? [...pod.mounted] : [];
    const serving = keys.filter((key) => SERVING.has(this.#stateOf(key)));
    return serving.length === 0 ? undefined : Math.max(...serving);
  }

  /** How a new harness is refused at rest: nobody learns of an executor that is out of service. */
  get refusal(): RefusalCode {
    return this.#now.served ? 'environment_offline' : 'not_authorized';
  }

  get #now(): Recorded {
    return this.#records.at(-1) ?? { fence: undefined, served: true, keys: [] };
  }

  #stateOf(key: number): KeyState | undefined {
    return this.#now.keys.find(({ id }) => id === KEYS[key]?.id)?.state;
  }

  #record(change: Partial<Recorded>): void {
    this.#records.push({ ...this.#now, ...change });
  }

  #changeKey(key: number, choice: number): void {
    const made = KEYS[key];
    const options = NEXT[this.#stateOf(key) ?? 'None'];
    const state = options[choice % Math.max(1, options.length)];
    // In order: a number is used once.
    if (made === undefined || state === undefined || state === 'None' || key > this.#now.keys.length) return;
    const others = this.#now.keys.filter(({ id }) => id !== made.id);
    this.#record({ keys: [...others, { ...made, state }].sort((a, b) => (a.id < b.id ? -1 : 1)) });
  }

  #changeSecret(key: number): void {
    const next = new Set(this.#secrets.at(-1));
    // Never before it is recorded.
    if (!next.delete(key) && this.#stateOf(key) !== undefined) next.add(key);
    this.#secrets.push(next);
  }

  #newPod(): void {
    const incarnation = parseIncarnation(`pod-${this.#pods.length + 1}`);
    this.#pods.push({ incarnation, mounted: new Set(), alive: true });
    this.#record({ fence: incarnation });
  }

  #mount(pod: Pod | undefined, secret: ReadonlySet<number> = new Set()): void {
    if (pod === undefined || !pod.alive) return;
    pod.mounted = secret;
    for (const socket of this.#sockets) if (socket.pod === pod) this.#setServing(socket, secret.has(socket.key));
    this.#closeRetired();
  }

  #die(pod: Pod | undefined): void {
    if (pod === undefined) return;
    pod.alive = false;
    this.#close(this.#sockets.filter((socket) => socket.pod === pod));
  }

  /** As the sidecar does: every key that it has, at one registry, and from there to one relay. */
  #register(pod: Pod | undefined, at: number, relay: number): void {
    const registry = this.registries[at];
    if (pod === undefined || registry === undefined) return;
    for (const key of pod.mounted) {
      if (!pod.alive) return;
      this.#answered(registry.register(pod.incarnation, fingerprintOf(key)), { pod, key, relay });
    }
  }

  #answered(decision: RegisterDecision, { pod, key, relay }: Pick<Socket, 'pod' | 'key' | 'relay'>): void {
    const ours = this.#sockets.filter((socket) => socket.pod === pod && socket.key === key);
    if (decision.kind === 'refuse') {
      // The container is started anew, and asks again: the pod is the same.
      if (decision.code === 'superseded') this.#close(this.#sockets.filter((socket) => socket.pod === pod));
      if (decision.code === 'key_not_current') for (const socket of ours) this.#setServing(socket, false);
      this.#closeRetired();
      return;
    }
    if (decision.kind !== 'admit') return;
    for (const socket of ours) this.#setServing(socket, true);
    if (ours.some((socket) => socket.relay === relay)) return;
    const socket = { pod, key, relay, ticket: ticketOf(pod.incarnation, key), serving: true, hasStream: false };
    if (this.#isDenied(socket)) return;
    this.#sockets.push(socket);
    this.#tell(relay, { type: 'add', ticket: socket.ticket });
  }

  #toggleStream(socket: Socket | undefined): void {
    if (socket === undefined) return;
    if (socket.hasStream || socket.serving) socket.hasStream = !socket.hasStream;
    this.#closeRetired();
  }

  #setServing(socket: Socket, serving: boolean): void {
    if (socket.serving === serving) return;
    socket.serving = serving;
    const { ticket } = socket;
    const { registrationId } = ticket;
    this.#tell(socket.relay, serving ? { type: 'add', ticket } : { type: 'remove', registrationId });
  }

  #closeRetired(): void {
    this.#close(this.#sockets.filter(({ serving, hasStream }) => !serving && !hasStream));
  }

  #close(gone: readonly Socket[]): void {
    this.#sockets = this.#sockets.filter((socket) => !gone.includes(socket));
    for (const { serving, relay, ticket } of gone) {
      if (serving) this.#tell(relay, { type: 'remove', registrationId: ticket.registrationId });
    }
  }

  #tell(relay: number, word: Word): void {
    for (const registry of this.registries) registry.tell(relay, word);
  }

  #see(registry: DeliveryRegistry | undefined, choice: number): void {
    registry?.see(this.#records, Math.min(this.#records.length - 1, registry.seen + choice));
    this.#enforce();
  }

  /** Relays cut what a registry denies. */
  #enforce(): void {
    this.#close(this.#sockets.filter((socket) => this.#isDenied(socket)));
  }

  #isDenied({ pod, key }: Socket): boolean {
    return this.registries.some((registry) => registry.denies(pod.incarnation, fingerprintOf(key)));
  }

  #start(registry: DeliveryRegistry | undefined): void {
    if (registry === undefined) return;
    registry.see(this.#records, this.#records.length - 1);
    this.#enforce();
    for (const relay of RELAYS) this.#reconnect(this.registries.indexOf(registry), relay);
  }

  #reconnect(registry: number, relay: number): void {
    const present = this.#sockets.filter((socket) => socket.relay === relay && socket.serving);
    const tickets = present.map(({ ticket }) => ticket);
    this.registries[registry]?.reconnect(relay, bootIdOf(relay), tickets);
  }
}

const bootIdOf = (relay: number) => parseBootId(`relay-boot-${relay + 1}`);
const fingerprintOf = (key: number) => KEYS[key]?.fingerprint ?? parseFingerprint('none');

function ticketOf(incarnation: Incarnation, key: number): ExecutorTicket {
  const registrationId = registrationIdOf(ENVIRONMENT, incarnation, fingerprintOf(key));
  const times = { firstRegistrationTime: 0, expiresAt: 0 };
  return {
    environmentId: ENVIRONMENT,
    incarnation,
    registrationId,
    publicKey: PUBLIC_KEY,
    runtime: 'sidecar',
    ...times,
  };
}
