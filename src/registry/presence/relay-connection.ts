import type { WebSocket } from 'ws';
import type { Clock, Logger } from '../../telemetry/index.ts';
import {
  type BootId,
  type PresenceEntry,
  type PresenceToRegistry,
  type PresenceToRelay,
  presenceToRegistry,
  presenceToRelay,
  TicketError,
  type TicketVerifier,
  WireError,
} from '../../wire/index.ts';
import { keepAlive } from './liveness.ts';
import { observedAddress } from './observed-address.ts';
import type { RelayAddress, VerifiedEntry } from './table.ts';

/** A relay answers our hello at once with its own and its snapshot; one that does not is none. */
const INTRODUCTION_MS = 10_000;
/** Messages that may wait for the one before them; above, the socket is not read until they are done. */
const MAX_BACKLOG = 64;
/** After a close frame; a peer that does not answer it is cut. */
const CLOSE_MS = 1_000;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;

type Delta = Exclude<PresenceToRegistry, { type: 'hello' | 'snapshot' }>;

export interface RelayConnectionOptions {
  readonly socket: WebSocket;
  readonly remoteAddress: string | undefined;
  readonly pod: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly verifier: TicketVerifier;
  readonly handlers: {
    /** False when it cannot be the one that it says it is. */
    readonly hello: (relay: RelayAddress) => boolean;
    readonly snapshot: (entries: readonly VerifiedEntry[]) => void;
    /** `entry` is there for an `add` whose ticket is good. */
    readonly message: (message: Delta, entry: VerifiedEntry | undefined) => void;
    readonly refused: (reason: string) => void;
    readonly closed: () => void;
  };
}

/**
 * One presence connection as the registry sees it: hello, snapshot, deltas, in this order and one after the other. It verifies each
 * executor ticket itself, so that a relay can report only what it was shown; a bad entry is left out, a bad message ends the connection.
 */
export class RelayConnection {
  readonly #options: RelayConnectionOptions;
  #stage: 'hello' | 'snapshot' | 'deltas' = 'hello';
  #bootId: BootId | undefined;
  #inTurn: Promise<void> = Promise.resolve();
  #backlog = 0;
  #ended = false;

  constructor(options: RelayConnectionOptions) {
    this.#options = options;
    const { socket, clock } = options;
    const stopPings = keepAlive(socket, clock);
    const introduction = clock.after(INTRODUCTION_MS, () => {
      if (this.#stage !== 'deltas') this.#violate('no_introduction');
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#enqueue(data, isBinary));
    socket.on('error', () => this.#options.handlers.refused('socket_error'));
    socket.on('close', () => {
      stopPings();
      introduction.cancel();
      this.#end();
    });
  }

  get bootId(): BootId | undefined {
    return this.#bootId;
  }

  /** What people know it by: its pod, where it has one. Undefined before its hello. */
  get name(): string | undefined {
    return this.#bootId && (this.#options.pod ?? this.#bootId);
  }

  send(message: PresenceToRelay): void {
    this.sendText(presenceToRelay.encode(message));
  }

  sendText(text: string): void {
    if (this.#options.socket.readyState === this.#options.socket.OPEN) this.#options.socket.send(text);
  }

  /** Another connection took its place. */
  cut(): void {
    this.#end();
    this.#options.socket.terminate();
  }

  async close(): Promise<void> {
    const { socket, clock } = this.#options;
    if (socket.readyState === socket.CLOSED) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.close(GOING_AWAY, 'registry closes');
    const cut = clock.after(CLOSE_MS, () => socket.terminate());
    await closed;
    cut.cancel();
  }

  #enqueue(data: Buffer, isBinary: boolean): void {
    const { socket } = this.#options;
    this.#backlog += 1;
    if (this.#backlog === MAX_BACKLOG) socket.pause();
    this.#inTurn = this.#inTurn
      .then(() => (this.#ended ? undefined : this.#handle(data, isBinary)))
      .catch((error: unknown) => this.#violate(error instanceof WireError ? error.code : 'internal'))
      .finally(() => {
        this.#backlog -= 1;
        if (this.#backlog === 0 && socket.isPaused) socket.resume();
      });
  }

  async #handle(data: Buffer, isBinary: boolean): Promise<void> {
    if (isBinary) return this.#violate('binary');
    const message = presenceToRegistry.parse(data.toString('utf8'));
    // A type of a later release: it can wait for ours.
    if (message === undefined) return this.#options.handlers.refused('unknown_type');
    if (message.type === 'hello') return this.#onHello(message.bootId, message.port);
    if (message.type === 'snapshot') return this.#onSnapshot(message.entries);
    if (this.#stage !== 'deltas') return this.#violate('out_of_order');
    const entry = message.type === 'add' ? await this.#verified(message.entry) : undefined;
    if (!this.#ended) this.#options.handlers.message(message, entry);
  }

  #onHello(bootId: BootId, port: number): void {
    const address = observedAddress(this.#options.remoteAddress, port);
    if (this.#stage !== 'hello' || address === undefined) {
      this.#violate('out_of_order');
      return;
    }
    if (!this.#options.handlers.hello({ bootId, address })) {
      this.#violate('boot_id_taken');
      return;
    }
    this.#stage = 'snapshot';
    this.#bootId = bootId;
  }

  async #onSnapshot(entries: readonly PresenceEntry[]): Promise<void> {
    if (this.#stage === 'hello') return this.#violate('out_of_order');
    const verified: VerifiedEntry[] = [];
    for (const entry of entries) {
      const good = await this.#verified(entry);
      if (good !== undefined) verified.push(good);
    }
    if (this.#ended) return;
    this.#stage = 'deltas';
    this.#options.handlers.snapshot(verified);
    this.#options.logger.info({ relay: this.#bootId, registrations: verified.length }, 'relay present');
  }

  async #verified({ ticket, sessions }: PresenceEntry): Promise<VerifiedEntry | undefined> {
    const { verifier, clock, handlers, logger } = this.#options;
    try {
      return { ticket: await verifier.verifyExecutorTicket(ticket, clock.now() / 1000), sessions };
    } catch (error) {
      const reason = error instanceof TicketError ? error.code : 'internal';
      handlers.refused(reason);
      logger.warn({ relay: this.#bootId, reason }, 'presence entry refused');
      return undefined;
    }
  }

  #violate(reason: string): void {
    if (this.#ended) return;
    this.#options.handlers.refused(reason);
    this.#options.logger.warn(
      { relay: this.#bootId, reason },
      'presence connection ended: the relay broke the protocol',
    );
    this.#end();
    this.#options.socket.close(POLICY_VIOLATION, reason);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#bootId !== undefined) this.#options.logger.warn({ relay: this.#bootId }, 'relay lost');
    this.#options.handlers.closed();
  }
}
