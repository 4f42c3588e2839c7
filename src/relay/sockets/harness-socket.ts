import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Timer } from '../../telemetry/index.ts';
import {
  createPeeked,
  type HarnessTicket,
  isProbe,
  peekFrame,
  peekFrameOf,
  streamHeader,
  streamIdOf,
} from '../../wire/index.ts';
import type { RelayContext } from '../context.ts';
import { createBacklog } from '../flow/backlog.ts';
import { createLane } from '../flow/fair-queue.ts';
import { Outlet } from '../flow/outlet.ts';
import { PackedQueue } from '../flow/packed-queue.ts';
import type { TokenBucket } from '../flow/token-bucket.ts';
import { CLOSE_FLUSH_BYTES, HANDSHAKE_HOLD_MS, UPLOAD_HIGH_BYTES, UPLOAD_LOW_BYTES } from '../limits.ts';
import { CLOSE, Endpoint } from './endpoint.ts';
import type { ExecutorSocket } from './executor-socket.ts';
import type { HarnessEnd, Stream } from './stream.ts';

export interface HarnessSocketOptions {
  readonly context: RelayContext;
  readonly ws: WebSocket;
  readonly socket: Duplex;
  readonly ticket: HarnessTicket;
  readonly executor: ExecutorSocket;
  /** Bytes per second of this socket's identity. */
  readonly bucket: TokenBucket;
  readonly onClosed: (harness: HarnessSocket, reason: string) => void;
}

/** Identity at executor: what the limits of our-side.md §11 count by. */
export function partyOf({ identityHash, environmentId }: HarnessTicket): string {
  return `${identityHash}/${environmentId}`;
}

/**
 * One harness socket and its one stream: bound by the first frame, for the socket's life. Frames of any other stream are dropped
 * (contract §7.4.2). What breaks the order handshake, answer, data cannot come from an honest harness and ends the socket, before it
 * costs the executor anything.
 */
export class HarnessSocket implements HarnessEnd {
  readonly ticket: HarnessTicket;
  readonly executor: ExecutorSocket;
  readonly #context: RelayContext;
  readonly #bucket: TokenBucket;
  readonly #onClosed: HarnessSocketOptions['onClosed'];
  readonly #endpoint: Endpoint;
  readonly #queue: PackedQueue;
  readonly #outlet: Outlet;
  readonly #peeked = createPeeked();
  #stream: Stream | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #frames = 0;
  #heldByExecutor = false;
  #heldByRate: Timer | undefined;
  #handshakeTimer: Timer | undefined;

  constructor({ context, ws, socket, ticket, executor, bucket, onClosed }: HarnessSocketOptions) {
    this.ticket = ticket;
    this.executor = executor;
    this.#context = context;
    this.#bucket = bucket;
    this.#onClosed = onClosed;
    const { pool, turnEnd, clock, measures } = context;
    this.#queue = new PackedQueue(pool);
    this.#outlet = new Outlet({
      socket,
      source: this.#queue,
      pool,
      turnEnd,
      settled: (parcel) => {
        this.#bytesOut += parcel.messageBytes;
        if (this.#stream !== undefined) executor.settled(this.#stream, parcel.messageBytes);
      },
    });
    this.#endpoint = new Endpoint({
      ws,
      socket,
      clock,
      onMessage: (data, isBinary) =>
        isBinary ? this.#onFrame(data) : this.#close('text_frame', CLOSE.unsupportedData),
      onClosed: (reason) => this.#onSocketClosed(reason),
      onRoundTrip: (milliseconds) => measures.roundTrip('harness', milliseconds),
      flush: () => this.#finish(),
    });
    executor.attach(this);
  }

  get bytesToExecutor(): number {
    return this.#bytesIn;
  }

  get bytesToHarness(): number {
    return this.#bytesOut;
  }

  /** Frames of both directions. */
  get frames(): number {
    return this.#frames;
  }

  /** True when nothing of it waits in this process, and no handshake is under way. */
  get isIdle(): boolean {
    const stream = this.#stream;
    if (stream === undefined || this.#queue.messageBytes > 0) return stream === undefined;
    return (stream.state === 'open' || stream.state === 'over') && stream.lane.queue.messageBytes === 0;
  }

  /** True when the harness answers a ping in time: it has read by then all that was sent to it before. */
  probe(timeoutMs: number): Promise<boolean> {
    return this.#endpoint.probe(timeoutMs);
  }

  get openedAt(): number {
    return this.#endpoint.openedAt;
  }

  get unfinishedBytes(): number {
    return this.#endpoint.unfinishedBytes;
  }

  deliver(message: Uint8Array): void {
    this.#frames += 1;
    this.#queue.append(message);
    this.#outlet.schedule(this.#queue.messageBytes);
  }

  dropQueued(): number {
    return this.#queue.clear();
  }

  penalised(untilMs: number): void {
    const { identityHash, environmentId } = this.ticket;
    this.#context.traffic.penalties += 1;
    this.#context.penalise(identityHash, environmentId, untilMs);
  }

  end(reason: string): void {
    this.#close(reason, CLOSE.goingAway);
  }

  terminate(reason: string): void {
    this.#endpoint.terminate(reason);
  }

  /** To be called about every second. */
  sweep(now: number): void {
    this.#endpoint.sweep(now);
  }

  #onFrame(message: Buffer): void {
    this.#frames += 1;
    const peeked = this.#peeked;
    const bound = this.#stream;
    const failure = bound === undefined ? peekFrame(message, peeked) : peekFrameOf(message, bound.header, peeked);
    if (failure !== undefined) {
      this.#drop(failure === 'other_stream' ? 'foreign_stream' : 'invalid');
      return;
    }
    const stream = bound ?? this.#bind(message);
    if (stream === undefined) {
      this.#drop('foreign_stream');
      return;
    }
    switch (peeked.kind) {
      case 'data':
        if (stream.state === 'open') this.#forward(stream, message);
        else this.#close('data_before_handshake', CLOSE.policy);
        return;
      case 'handshake':
        this.#onHandshake(stream, message);
        return;
      case 'reset':
        this.#forward(stream, message);
        this.executor.release(stream, undefined);
        this.#close('harness_reset', CLOSE.normal);
        return;
      case 'ack':
      case 'resume':
      case 'heartbeat':
        this.#forward(stream, message);
        return;
      default:
        peeked.kind satisfies never;
    }
  }

  #bind(message: Buffer): Stream | undefined {
    const { streamIdStart, streamIdEnd } = this.#peeked;
    const stream: Stream = {
      // Copied: the message it lies in is forwarded and then forgotten.
      id: Uint8Array.from(message.subarray(streamIdStart, streamIdEnd)),
      header: streamHeader(streamIdOf(message, this.#peeked)),
      next: undefined,
      harness: this,
      lane: createLane(new PackedQueue(this.#context.pool), {
        lowered: () => this.#onLowered(),
        overrun: () => this.executor.cut(stream, 'process_uploads'),
      }),
      backlog: createBacklog(),
      reported: 0,
      state: 'claimed',
      attempt: undefined,
    };
    if (!this.executor.claim(stream)) return undefined;
    this.#stream = stream;
    return stream;
  }

  #forward(stream: Stream, message: Buffer): void {
    this.#bytesIn += message.length;
    this.executor.forward(stream, message);
    const high = this.#context.budgets.uploads.isTight ? UPLOAD_LOW_BYTES : UPLOAD_HIGH_BYTES;
    if (!this.#heldByExecutor && stream.lane.queue.messageBytes > high) {
      this.#heldByExecutor = true;
      this.#endpoint.pause();
    }
    const pauseMs = this.#bucket.take(message.length, this.#context.clock);
    if (pauseMs > 0) this.#holdByRate(pauseMs);
  }

  #onLowered(): void {
    const waiting = this.#stream?.lane.queue.messageBytes ?? 0;
    if (!this.#heldByExecutor || waiting > UPLOAD_LOW_BYTES) return;
    this.#heldByExecutor = false;
    this.#resume();
  }

  #holdByRate(milliseconds: number): void {
    this.#heldByRate?.cancel();
    this.#endpoint.pause();
    this.#heldByRate = this.#context.clock.after(milliseconds, () => {
      this.#heldByRate = undefined;
      this.#resume();
    });
  }

  #resume(): void {
    if (!this.#heldByExecutor && this.#heldByRate === undefined) this.#endpoint.resume();
  }

  /** Of our sidecar only: a real executor counts what fails. */
  get #isProbe(): boolean {
    return isProbe(this.ticket) && this.executor.ticket.runtime === 'sidecar';
  }

  #onHandshake(stream: Stream, message: Buffer): void {
    if (stream.state !== 'claimed') {
      this.#close('second_handshake', CLOSE.policy);
      return;
    }
    stream.state = 'handshaking';
    if (this.#isProbe) {
      // It takes nobody's place, and our sidecar's reset, which is its answer, is nobody's failure.
      this.#forward(stream, message);
      return;
    }
    const asks = {
      proceed: () => {
        this.#handshakeTimer?.cancel();
        if (stream.state === 'handshaking') this.#forward(stream, message);
      },
      refuse: () => this.#close('handshake_penalty', CLOSE.policy),
    };
    const attempt = this.#context.gate.begin(partyOf(this.ticket), asks, this.#context.clock.now());
    stream.attempt = attempt;
    if (attempt.state !== 'waiting') return;
    this.#handshakeTimer = this.#context.clock.after(HANDSHAKE_HOLD_MS, () => {
      if (attempt.state === 'waiting') this.#close('too_many_handshakes', CLOSE.tryAgain);
    });
  }

  #drop(reason: 'invalid' | 'foreign_stream'): void {
    this.#context.traffic.dropped[reason] += 1;
    if (this.#endpoint.countDropped()) this.#close('invalid_frames', CLOSE.policy);
  }

  /** Leaves the stream first: the executor hears of it now, not when the peer has answered the close frame. */
  #close(reason: string, code: number): void {
    this.#leave(reason);
    this.#endpoint.close(code, reason);
  }

  /** Hands over what a peer that reads takes before it is cut off. More than that would wait in its socket, where no budget counts it. */
  #finish(): void {
    if (this.#queue.messageBytes > CLOSE_FLUSH_BYTES) this.dropQueued();
    this.#outlet.finish();
  }

  #leave(reason: string): void {
    if (this.#stream !== undefined) this.executor.release(this.#stream, reason);
    this.#handshakeTimer?.cancel();
    this.#heldByRate?.cancel();
  }

  #onSocketClosed(reason: string): void {
    this.#leave(reason);
    this.executor.detach(this);
    this.dropQueued();
    this.#onClosed(this, reason);
  }
}
