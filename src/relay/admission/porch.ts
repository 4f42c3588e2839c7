import type { Socket } from 'node:net';
import type { Clock } from '../../telemetry/index.ts';
import { BEGUN_PER_TURN, UNFINISHED_GRACE_MS, UPGRADE_REQUEST_MS } from '../limits.ts';

/** Why a socket was dropped before its request was here: bounded, since it becomes a label. */
export type PorchLimit = 'unfinished_sockets' | 'unfinished_time';

export interface PorchOptions {
  /** How many may be here at once. */
  readonly limit: number;
  /** How many of them may have begun: what TLS keeps of each is tens of kilobytes. */
  readonly begunLimit: number;
  readonly clock: Clock;
  /** Starts to read: TLS if there is any, then the request. */
  readonly begin: (socket: Socket) => void;
  readonly dropped: (limit: PorchLimit) => void;
}

/** A connection by its peer: TLS wraps the socket, and both name the same one. */
export interface PeerAddress {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

interface Guest {
  readonly socket: Socket;
  readonly since: number;
}

/**
 * Connections whose upgrade request is not here yet, from their first packet on, before any TLS. Nobody has proved anything, so they are
 * bounded in number and in time. They wait unread, which costs a socket and nothing else, until it is their turn to begin: a few in each turn of
 * the event loop, since a TLS handshake takes about a millisecond and streams are served in between. So a fleet that comes back waits a
 * little, and who is half open gives way when others wait.
 */
export class Porch {
  readonly #options: PorchOptions;
  readonly #waiting = new Map<string, Guest>();
  /** In the order in which they began. */
  readonly #begun = new Map<string, Guest>();
  #scheduled = false;

  constructor(options: PorchOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size + this.#begun.size;
  }

  /** A new connection, of which nothing was read. */
  enter(socket: Socket): void {
    const now = this.#options.clock.now();
    const peer = nameOf(socket);
    socket.on('error', () => {});
    if (this.size >= this.#options.limit) {
      this.#drop(socket, 'unfinished_sockets');
      return;
    }
    socket.on('close', () => {
      const guest = this.#begun.get(peer) ?? this.#waiting.get(peer);
      // A peer may have used its port again before its end was seen here.
      if (guest?.socket === socket) this.leave(peer);
    });
    this.#waiting.set(peer, { socket, since: now });
    this.#schedule();
  }

  /** Its request is here, or it went. */
  leave(peer: string): void {
    if (this.#begun.delete(peer)) this.#schedule();
    else this.#waiting.delete(peer);
  }

  /** To be called about every second. */
  sweep(now: number): void {
    for (const { socket, since } of [...this.#begun.values(), ...this.#waiting.values()]) {
      if (now - since >= UPGRADE_REQUEST_MS) this.#drop(socket, 'unfinished_time');
    }
    this.#schedule();
  }

  close(): void {
    for (const { socket } of [...this.#begun.values(), ...this.#waiting.values()]) socket.destroy();
  }

  #drop(socket: Socket, limit: PorchLimit): void {
    this.leave(nameOf(socket));
    socket.destroy();
    this.#options.dropped(limit);
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => this.#beginSome());
  }

  #beginSome(): void {
    this.#scheduled = false;
    const now = this.#options.clock.now();
    let left = BEGUN_PER_TURN;
    for (const [peer, { socket }] of this.#waiting) {
      // Who leaves, or the next sweep, goes on with it.
      if (!this.#mayBegin(now)) return;
      if (left === 0) break;
      left -= 1;
      this.#waiting.delete(peer);
      this.#begun.set(peer, { socket, since: now });
      this.#options.begin(socket);
    }
    this.#schedule();
  }

  /** In place of the next the oldest goes, if it had its time: who is half open stays as long as he may, an honest one is soon through. */
  #mayBegin(now: number): boolean {
    if (this.#begun.size < this.#options.begunLimit) return true;
    const [oldest] = this.#begun.values();
    if (oldest === undefined || now - oldest.since < UNFINISHED_GRACE_MS) return false;
    this.#drop(oldest.socket, 'unfinished_sockets');
    return true;
  }
}

/** Of two connections to one port, no two have the same. */
export function nameOf({ remoteAddress = '', remotePort = 0 }: PeerAddress): string {
  return `${remoteAddress} ${remotePort}`;
}
