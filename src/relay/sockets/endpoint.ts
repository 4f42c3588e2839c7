import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../telemetry/index.ts';
import { BufferCollector } from '../../wire/index.ts';
import { COPY_LIMIT_BYTES } from '../flow/packed-queue.ts';
import { CLOSE_FLUSH_MS, MAX_DROPPED_FRAMES, PING_INTERVAL_MS, PING_TIMEOUT_MS } from '../limits.ts';

/** WebSocket close codes that the relay uses (RFC 6455 §7.4.1). Real endpoints read any of them as "disconnected". */
export const CLOSE = { normal: 1000, goingAway: 1001, unsupportedData: 1003, policy: 1008, tryAgain: 1013 } as const;

export interface Pinging {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly send: () => void;
}

export interface EndpointOptions {
  readonly ws: WebSocket;
  /** The socket below `ws`: messages are written to it in wire form, `ws` itself only reads, answers pings and closes. */
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly onMessage: (data: Buffer, isBinary: boolean) => void;
  /** Called once. */
  readonly onClosed: (reason: string) => void;
  /** A WebSocket ping was answered (ms). */
  readonly onRoundTrip: (milliseconds: number) => void;
  /** Writes what is queued, before a close frame is sent after it. */
  readonly flush: () => void;
  /** For peers with pings of their own; otherwise WebSocket pings. */
  readonly pinging?: Pinging;
}

/** What both kinds of socket have in common: one WebSocket, its life, its pings, and the reason of its end. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #pinging: Pinging;
  readonly openedAt: number;
  #reason: string | undefined;
  #closed = false;
  #heard = true;
  #heardAt: number;
  #pingedAt: number;
  /** By the finer clock, of the last WebSocket ping that is unanswered. */
  #askedAt: number | undefined;
  #dropped = 0;
  /** A message came since the last sweep. */
  #finished = true;
  /** What the socket had read when a sweep last saw that. */
  #finishedAtBytes = 0;
  /** Pings so far; each says its number, and its answer repeats it. */
  #pings = 0;
  /** By the number of the ping that they wait for, in order. */
  readonly #pongWaiters = new Map<number, () => void>();

  constructor(options: EndpointOptions) {
    const { ws, clock } = options;
    this.#options = options;
    this.#pinging = options.pinging ?? {
      intervalMs: PING_INTERVAL_MS,
      timeoutMs: PING_TIMEOUT_MS,
      send: () => this.#ping(),
    };
    this.openedAt = clock.now();
    this.#heardAt = this.openedAt;
    this.#pingedAt = this.openedAt;
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      this.#heard = true;
      this.#finished = true;
      if (data.length > COPY_LIMIT_BYTES) BufferCollector.ofProcess().count(data.length);
      if (this.#reason === undefined) options.onMessage(data, isBinary);
    });
    ws.on('pong', (data: Buffer) => this.#onPong(Number(data.toString('latin1'))));
    ws.on('ping', () => {
      this.#heard = true;
    });
    // ws closes by itself after an error; only the reason is ours to keep.
    ws.on('error', (error: Error & { code?: string }) => {
      this.#reason ??= error.code ?? 'socket_error';
    });
    ws.on('close', (code: number) => this.#onClose(code));
  }

  get open(): boolean {
    return this.#reason === undefined && !this.#closed;
  }

  /** What was read of a message that is not whole yet, as seen at the last sweep: since the one before no message ended. */
  get unfinishedBytes(): number {
    return this.open && !this.#finished ? this.#bytesRead - this.#finishedAtBytes : 0;
  }

  /** Ends the socket: what is queued is written, a close frame follows, and a peer that does not read it is cut. */
  close(code: number, reason: string): void {
    if (this.#reason !== undefined || this.#closed) return;
    this.#reason = reason;
    this.#options.flush();
    this.#options.ws.close(code, reason);
    this.#options.clock.after(CLOSE_FLUSH_MS, () => this.#options.ws.terminate());
  }

  terminate(reason: string): void {
    this.#reason ??= reason;
    this.#options.ws.terminate();
  }

  pause(): void {
    // What is answered meanwhile will be read late.
    this.#askedAt = undefined;
    if (this.open) this.#options.ws.pause();
  }

  resume(): void {
    if (!this.#closed) this.#options.ws.resume();
  }

  /** Counts a frame that had to be dropped; true when the peer has sent too many of them. */
  countDropped(): boolean {
    this.#dropped += 1;
    return this.#dropped > MAX_DROPPED_FRAMES;
  }

  /** True when the peer answers a ping within `timeoutMs`: it has read by then all that was sent to it before. */
  probe(timeoutMs: number): Promise<boolean> {
    if (!this.open) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#ping();
      const number = this.#pings;
      const timer = this.#options.clock.after(timeoutMs, () => {
        this.#pongWaiters.delete(number);
        resolve(false);
      });
      this.#pongWaiters.set(number, () => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  /** To be called about every second. */
  sweep(now: number): void {
    if (!this.open) return;
    if (this.#finished) this.#finishedAtBytes = this.#bytesRead;
    this.#finished = false;
    // While we do not read, its pongs lie unread: no sign of life is expected.
    if (this.#heard || this.#options.ws.isPaused) this.#heardAt = now;
    this.#heard = false;
    const { intervalMs, timeoutMs, send } = this.#pinging;
    if (now - this.#heardAt >= timeoutMs) {
      this.terminate('ping_timeout');
      return;
    }
    if (now - this.#pingedAt >= intervalMs) {
      this.#pingedAt = now;
      send();
    }
  }

  get #bytesRead(): number {
    const { socket } = this.#options;
    return socket instanceof Socket ? socket.bytesRead : 0;
  }

  #ping(): void {
    this.#askedAt = performance.now();
    this.#pings += 1;
    this.#options.ws.ping(String(this.#pings));
  }

  /** Of several pings a peer may answer only the last (RFC 6455 §5.5.3). */
  #onPong(number: number): void {
    this.#heard = true;
    if (this.#askedAt !== undefined) this.#options.onRoundTrip(performance.now() - this.#askedAt);
    this.#askedAt = undefined;
    for (const [asked, answer] of this.#pongWaiters) {
      if (!(asked <= number)) break;
      this.#pongWaiters.delete(asked);
      answer();
    }
  }

  #onClose(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClosed(this.#reason ?? (code === 1006 ? 'connection_lost' : 'peer_closed'));
  }
}
