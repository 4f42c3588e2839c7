import type { Clock, Logger } from '../../telemetry/index.ts';
import type { EnvironmentId, Incarnation, RegistrationId } from '../../wire/index.ts';
import { Backoff } from '../backoff.ts';
import type { ExecutorKey } from '../keys/executor-key.ts';
import { Pause } from '../pause.ts';
import type { Stream } from '../streams/stream.ts';
import type { Registration } from '../streams/stream-table.ts';
import type { ExecutorMetrics } from '../telemetry.ts';
import type { RegisterAnswer, Registered, RegistryClient } from './registry-client.ts';
import { RelaySlots, type Relays, type Slot } from './relay-slots.ts';
import type { RelaySocket, RelayTarget } from './relay-socket.ts';
import { incarnationIn, ticketIn } from './ticket-url.ts';

/** Refresh of a ticket whose end the registry does not tell: well before 10 minutes (our-side §2). */
const DEFAULT_REFRESH_MS = 240_000;
/** Refresh at this part of the ticket's life, so that two refreshes may fail before it ends. */
const REFRESH_AT = 0.4;
const MIN_REFRESH_MS = 1000;
/** A pod that starts together with its registry looks twice a second for about 20 s. */
const RETRY_BACKOFF = { baseMs: 250, capMs: 15_000, early: { failures: 40, capMs: 1000 } };
/** A key that the registry does not take may be taken later, once its status arrives; nobody waits for it. */
const NOT_CURRENT_RETRY_MS = 20_000;
/** A retired registration has nothing to do; something wakes it. */
const IDLE_MS = 3_600_000;

export interface KeyRegistrationOptions {
  environmentId: EnvironmentId;
  key: ExecutorKey;
  client: Pick<RegistryClient, 'register'>;
  clock: Clock;
  logger: Logger;
  metrics: ExecutorMetrics;
  openSocket: (options: SocketOptions) => RelaySocket;
  /** Relay replicas that there are, as far as known. */
  relays: () => Relays;
  onSuperseded: () => void;
  onIncarnation: (incarnation: Incarnation) => void;
  onChange: () => void;
}

export interface SocketOptions {
  registration: Registration;
  target: RelayTarget;
  slot: Slot;
  onRefused: () => void;
}

/** What the registry is told of a key in a report. */
export interface KeyReport {
  registrationId: RegistrationId;
  present: boolean;
}

/**
 * One key at the registry: registers it, refreshes its ticket, keeps its socket. Retired when the key's file goes or the registry takes it
 * no longer; reinstated when it comes back. Retries for ever.
 */
export class KeyRegistration {
  readonly #options: KeyRegistrationOptions;
  readonly #pause: Pause;
  readonly #backoff = new Backoff(RETRY_BACKOFF);
  readonly #log: Logger;
  /** Those of the current registration are last; those before them had another registration id and end with their streams. */
  #sockets: RelaySlots[] = [];
  #registrationId: RegistrationId | undefined;
  /** Why the registry does not take us now; logged when it changes. */
  #waitsFor: string | undefined;
  #retired = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: KeyRegistrationOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    this.#log = options.logger.child({ key: options.key.id, fingerprint: options.key.fingerprint });
  }

  get key(): ExecutorKey {
    return this.#options.key;
  }

  get isPresent(): boolean {
    return this.#current?.present === true;
  }

  /** Retired, and its last stream ended. */
  get isDone(): boolean {
    return this.#retired && this.#sockets.every((socket) => socket.isDone);
  }

  get isRetired(): boolean {
    return this.#retired;
  }

  report(): KeyReport | undefined {
    return this.#registrationId === undefined
      ? undefined
      : { registrationId: this.#registrationId, present: this.isPresent };
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The file is gone: no refresh, no new streams; attached streams go on. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    for (const socket of this.#sockets) socket.retire();
    this.#log.info('registration retired');
  }

  /** The file is back. */
  reinstate(key: ExecutorKey): void {
    this.key.renew(key);
    this.#retired = false;
    this.#pause.wake();
  }

  /** Registers now. */
  refresh(): void {
    this.#pause.wake();
  }

  setRelays(relays: Relays): void {
    this.#current?.setRelays(relays);
  }

  sendSessions(): void {
    for (const socket of this.#sockets) socket.sendSessions();
  }

  async endStreams(hits: (stream: Stream) => boolean, reason: string): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.endStreams(hits, reason)));
  }

  async close(): Promise<void> {
    this.#pause.stop();
    await Promise.all(this.#sockets.map((socket) => socket.close()));
    await this.#running;
  }

  get #current(): RelaySlots | undefined {
    return this.#sockets.at(-1);
  }

  async #run(): Promise<void> {
    while (!this.#pause.stopped) {
      if (this.#retired) {
        await this.#pause.wait(IDLE_MS);
        continue;
      }
      const answer = await this.#options.client.register(this.key.publicKey);
      if (this.#pause.stopped) return;
      if (this.#retired) continue;
      this.#options.metrics.registerCalls.add(1, { answer: answer.kind });
      await this.#pause.wait(this.#take(answer));
    }
  }

  /** Milliseconds until the registry is asked again. */
  #take(answer: RegisterAnswer): number {
    switch (answer.kind) {
      case 'registered':
        this.#backoff.reset();
        this.#waitsFor = undefined;
        this.#serve(answer);
        return this.#refreshIn(answer);
      case 'superseded':
        this.#options.onSuperseded();
        return IDLE_MS;
      case 'key_not_current':
        if (this.#waitsFor !== answer.kind) this.#log.warn({ code: answer.kind }, 'key not taken by the registry');
        this.#waitsFor = answer.kind;
        for (const socket of this.#sockets) socket.retire();
        this.#options.onChange();
        return NOT_CURRENT_RETRY_MS * (0.5 + Math.random());
      case 'later': {
        const pause = Math.max(this.#backoff.next(), answer.retryAfterMs ?? 0);
        if (this.#waitsFor !== answer.code) this.#log.warn({ code: answer.code }, 'registration waits');
        this.#waitsFor = answer.code;
        return Math.min(pause, IDLE_MS);
      }
    }
  }

  #serve({ registrationId, url }: Registered): void {
    const ticket = ticketIn(url);
    const incarnation = ticket === undefined ? undefined : incarnationIn(ticket);
    if (incarnation !== undefined) this.#options.onIncarnation(incarnation);
    this.#sockets = this.#sockets.filter((socket) => !socket.isDone);
    const current = this.#current;
    if (current !== undefined && this.#registrationId === registrationId) {
      current.reinstate();
      current.setTarget({ url, ticket });
      return;
    }
    current?.retire();
    this.#registrationId = registrationId;
    this.#log.info({ registration: registrationId }, 'registered');
    const { environmentId, key, openSocket, relays, onChange } = this.#options;
    const registration = { environmentId, registrationId, key };
    // Whatever the relay's reason: only the registry's word ends us, a relay that was stolen ends no process.
    const onRefused = () => this.#pause.wake();
    const sockets = new RelaySlots({
      target: { url, ticket },
      relays: relays(),
      clock: this.#options.clock,
      open: (target, slot) => openSocket({ registration, target, slot, onRefused }),
      onChange,
    });
    this.#sockets.push(sockets);
    sockets.start();
  }

  #refreshIn({ ticketExpirationTime }: Registered): number {
    const jitter = 0.75 + Math.random() * 0.25;
    if (ticketExpirationTime === undefined) return DEFAULT_REFRESH_MS * jitter;
    const lifeMs = ticketExpirationTime * 1000 - this.#options.clock.now();
    return Math.min(IDLE_MS, Math.max(MIN_REFRESH_MS, lifeMs * REFRESH_AT * jitter));
  }
}
