import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import {
  CONTROL_PING_INTERVAL_MS,
  CONTROL_PING_TIMEOUT_MS,
  createPeeked,
  DELIVERED_REPORT_BYTES,
  decodeFrame,
  type ExecutorTicket,
  encodeFrame,
  peekFrame,
  peekFrameOf,
  RESET_REGISTRY_UNAVAILABLE,
  streamIdOf,
} from '../../wire/index.ts';
import type { RelayContext } from '../context.ts';
import { BacklogLedger } from '../flow/backlog.ts';
import { Outlet } from '../flow/outlet.ts';
import { TEXT_OPCODE } from '../flow/packed-queue.ts';
import type { BudgetHolder } from '../flow/process-budget.ts';
import { StreamTable } from '../flow/stream-table.ts';
import { UploadQueue } from '../flow/upload-queue.ts';
import { EXECUTOR_PAUSE_FAILURES, EXECUTOR_PAUSE_MS, UNOWNED_RESETS_PER_SECOND } from '../limits.ts';
import type { CutReason } from '../meters.ts';
import { CLOSE, Endpoint } from './endpoint.ts';
import { SidecarControl, type SidecarEvents } from './sidecar-control.ts';
import { type HarnessEnd, resetFrame, type Stream } from './stream.ts';

export interface ExecutorEvents {
  /** May enter presence: at once, or for our sidecar when its session table is here. */
  readonly entered: (executor: ExecutorSocket) => void;
  /** Ticket or session table changed. */
  readonly changed: (executor: ExecutorSocket, what: 'ticket' | 'sessions') => void;
  /** Our sidecar is present at another relay, or its key takes no new streams: nobody new shall be sent here. */
  readonly left: (executor: ExecutorSocket) => void;
  readonly closed: (executor: ExecutorSocket, reason: string) => void;
  /** Checks a refreshed ticket of our sidecar. */
  readonly verifyTicket: (token: string) => Promise<ExecutorTicket>;
}

export interface ExecutorSocketOptions {
  readonly context: RelayContext;
  readonly ws: WebSocket;
  readonly socket: Duplex;
  readonly token: string;
  readonly ticket: ExecutorTicket;
  readonly events: ExecutorEvents;
}

/**
 * The socket of one registration, with all its streams. Its reading side is never paused: one slow harness would stop all others
 * (contract §7.4, performance.md). Toward it, streams share by bytes.
 */
export class ExecutorSocket {
  readonly #context: RelayContext;
  readonly #events: ExecutorEvents;
  readonly #endpoint: Endpoint;
  readonly #uploads: UploadQueue;
  readonly #outlet: Outlet;
  readonly #ledger: BacklogLedger<Stream>;
  /** What harnesses leave unread, toward the budget of the process. */
  readonly #unread: BudgetHolder = {
    largest: () => this.#ledger.largest?.backlog.waiting ?? 0,
    cutLargest: () => {
      const { largest } = this.#ledger;
      if (largest !== undefined) this.cut(largest, 'process_backlog');
    },
  };
  readonly #streams = new StreamTable<Stream>();
  /** Streams whose harness left before the executor answered: its verdict still counts (handshakes.ts). */
  readonly #ghosts = new StreamTable<Stream>();
  readonly #harnesses = new Set<HarnessEnd>();
  readonly #peeked = createPeeked();
  readonly #control: SidecarControl | undefined;
  readonly acceptedAt: number;
  /** The stream of the last frame from this executor. */
  #latest: Stream | undefined;
  #token: string;
  #ticket: ExecutorTicket;
  #unownedResets = UNOWNED_RESETS_PER_SECOND;
  #failedHandshakes = 0;
  #pausedUntil = 0;

  constructor({ context, ws, socket, token, ticket, events }: ExecutorSocketOptions) {
    this.#context = context;
    this.#events = events;
    this.#token = token;
    this.#ticket = ticket;
    const { pool, turnEnd, clock, budgets, measures } = context;
    const uploads = new UploadQueue(pool, budgets.uploads);
    this.#uploads = uploads;
    this.#ledger = new BacklogLedger(context.limits, budgets.backlog);
    budgets.backlog.join(this.#unread);
    this.#outlet = new Outlet({ socket, source: uploads, pool, turnEnd, settled: (parcel) => uploads.settled(parcel) });
    const sidecar = ticket.runtime === 'sidecar';
    if (sidecar) this.#control = new SidecarControl({ clock, turnEnd, events: this.#sidecarEvents() });
    const control = this.#control;
    this.#endpoint = new Endpoint({
      ws,
      socket,
      clock,
      onMessage: (data, isBinary) => (isBinary ? this.#onFrame(data) : this.#onText(data)),
      onClosed: (reason) => this.#onClosed(reason),
      onRoundTrip: (milliseconds) => measures.roundTrip('executor', milliseconds),
      flush: () => this.#outlet.finish(),
      ...(control && {
        pinging: {
          intervalMs: CONTROL_PING_INTERVAL_MS,
          timeoutMs: CONTROL_PING_TIMEOUT_MS,
          send: () => control.ping(),
        },
      }),
    });
    this.acceptedAt = this.#endpoint.openedAt;
  }

  /** To be called once this socket is routed to: a real executor has nothing to say first. */
  start(): void {
    if (this.#control === undefined) this.#events.entered(this);
  }

  get ticket(): ExecutorTicket {
    return this.#ticket;
  }

  get token(): string {
    return this.#token;
  }

  /** The session table as our sidecar last told it. */
  get sessions(): SidecarControl['sessions'] {
    return this.#control?.sessions ?? [];
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** True once our sidecar is present at another relay. */
  get left(): boolean {
    return this.#control?.left ?? false;
  }

  /** False while its key is not in our sidecar's folder: it would refuse whoever came now. */
  get serving(): boolean {
    return this.#control?.serving ?? true;
  }

  get harnessCount(): number {
    return this.#harnesses.size;
  }

  get open(): boolean {
    return this.#endpoint.open;
  }

  attach(harness: HarnessEnd): void {
    this.#harnesses.add(harness);
  }

  detach(harness: HarnessEnd): void {
    this.#harnesses.delete(harness);
  }

  /** Binds a stream to its harness; false when another socket owns the id. */
  claim(stream: Stream): boolean {
    return this.#ghosts.find(stream.id, 0, stream.id.length) === undefined && this.#streams.add(stream);
  }

  /** Queues one message of a claimed stream for the executor. */
  forward(stream: Stream, message: Uint8Array): void {
    const { lane } = stream;
    this.#uploads.append(lane, message);
    this.#outlet.schedule(lane.queue.messageBytes);
    const { traffic } = this.#context;
    traffic.framesToExecutors += 1;
    traffic.bytesToExecutors += message.length;
  }

  /** The harness went, or ended its stream. With `reset` the executor is told after what the harness had sent (contract §7.4.3). */
  release(stream: Stream, reset: string | undefined): void {
    if (!this.#forget(stream)) return;
    const attempt = stream.attempt;
    if (attempt !== undefined) {
      this.#context.gate.abandoned(attempt, this.#context.clock.now());
      if (attempt.state === 'abandoned') this.#ghosts.add(stream);
    }
    if (reset !== undefined && this.open) this.forward(stream, resetFrame(stream, reset));
  }

  /** It is too much for a budget: both sides hear of it, and what waited is gone. */
  cut(stream: Stream, reason: CutReason): void {
    this.#context.traffic.cut[reason] += 1;
    if (stream.state === 'over') {
      // Its harness is gone. What it left behind was dropped, its reset with it.
      if (this.open) this.forward(stream, resetFrame(stream, reason));
      return;
    }
    stream.harness.dropQueued();
    stream.harness.deliver(resetFrame(stream, reason));
    this.release(stream, reason);
    stream.harness.end(reason);
  }

  /** Message bytes of a stream that the harness's kernel socket took. */
  settled(stream: Stream, bytes: number): void {
    this.#ledger.settle(stream, bytes);
    if (this.#control === undefined || stream.state === 'over') return;
    if (stream.backlog.taken - stream.reported < DELIVERED_REPORT_BYTES) return;
    stream.reported = stream.backlog.taken;
    this.#control.delivered(stream);
  }

  /** To be called about every second. */
  sweep(now: number): void {
    this.#unownedResets = UNOWNED_RESETS_PER_SECOND;
    for (const age of this.#ledger.ages(now)) this.#context.measures.queueAge(age);
    for (const stream of this.#ledger.stalled(now)) this.cut(stream, 'stalled');
    for (const ghost of this.#ghosts.values()) if (ghost.attempt?.state === 'over') this.#ghosts.delete(ghost);
    if (this.#control?.overdue(now)) this.close('no_sessions_message', CLOSE.policy);
    this.#endpoint.sweep(now);
  }

  /** True when the executor answers a WebSocket ping in time. */
  probe(timeoutMs: number): Promise<boolean> {
    return this.#endpoint.probe(timeoutMs);
  }

  /** Asks our sidecar to move to another replica; a real executor knows no such message. */
  askToMove(): void {
    this.#control?.move();
  }

  /** Ends the socket and, now, those of its harnesses. */
  close(reason: string, code: number = CLOSE.goingAway): void {
    this.#endHarnesses();
    this.#endpoint.close(code, reason);
  }

  terminate(reason: string): void {
    this.#endpoint.terminate(reason);
  }

  #sidecarEvents(): SidecarEvents {
    return {
      send: (text) => this.#sendText(text),
      entered: () => this.#events.entered(this),
      sessionsChanged: () => this.#events.changed(this, 'sessions'),
      ticket: (token) => void this.#refresh(token),
      left: () => this.#events.left(this),
      violation: (reason) => this.close(reason, CLOSE.policy),
      roundTrip: (milliseconds) => this.#context.measures.roundTrip('executor', milliseconds),
    };
  }

  #sendText(text: string): void {
    this.#uploads.appendUrgent(Buffer.from(text, 'utf8'), TEXT_OPCODE);
    this.#outlet.schedule(0);
  }

  #onText(data: Buffer): void {
    if (this.#control !== undefined) this.#control.receive(data);
    else this.#context.traffic.dropped.ignored_text += 1;
  }

  async #refresh(token: string): Promise<void> {
    try {
      const ticket = await this.#events.verifyTicket(token);
      if (ticket.registrationId !== this.#ticket.registrationId || ticket.runtime !== this.#ticket.runtime) {
        this.close('ticket_of_another_registration', CLOSE.policy);
        return;
      }
      this.#ticket = ticket;
      this.#token = token;
      this.#events.changed(this, 'ticket');
    } catch (error) {
      // The ticket it has stays good for its time; the sidecar tries again before that is over.
      this.#context.logger.warn({ registration: this.#ticket.registrationId, err: error }, 'ticket refresh refused');
    }
  }

  #onFrame(message: Buffer): void {
    const peeked = this.#peeked;
    // Output comes in bursts: most frames are of the stream of the frame before.
    const latest = this.#latest;
    const failure = latest === undefined ? peekFrame(message, peeked) : peekFrameOf(message, latest.header, peeked);
    if (failure !== undefined && failure !== 'other_stream') {
      this.#drop('invalid');
      return;
    }
    const isLatest = latest !== undefined && failure === undefined;
    const stream = isLatest ? latest : this.#streams.find(message, peeked.streamIdStart, peeked.streamIdEnd);
    if (stream === undefined) {
      this.#onUnowned(message);
      return;
    }
    this.#latest = stream;
    if (peeked.kind === 'handshake') this.#onAnswer(stream);
    const traffic = this.#context.traffic;
    traffic.framesToHarnesses += 1;
    traffic.bytesToHarnesses += message.length;
    const overrun = this.#ledger.grow(stream, message.length);
    stream.harness.deliver(message);
    if (peeked.kind === 'reset') this.#onReset(stream, message);
    else if (overrun !== undefined) this.cut(overrun, overrun === stream ? 'stream_backlog' : 'executor_backlog');
    this.#context.budgets.backlog.keep();
  }

  #onAnswer(stream: Stream): void {
    if (stream.state !== 'handshaking') return;
    stream.state = 'open';
    if (stream.attempt === undefined) return;
    this.#context.gate.answered(stream.attempt, this.#context.clock.now());
    // It is over, and a stream may live for days.
    stream.attempt = undefined;
  }

  #onReset(stream: Stream, message: Buffer): void {
    this.#countVerdict(stream, message);
    this.#forget(stream);
    stream.harness.end('executor_reset');
  }

  /** An executor's reset before its answer is a failed handshake of the identity, unless it says that it could not tell. */
  #countVerdict(stream: Stream, message: Buffer): void {
    const { attempt } = stream;
    if (attempt === undefined || attempt.state === 'over' || stream.state === 'open') return;
    const now = this.#context.clock.now();
    if (this.#isNobodysFault(message, now)) {
      this.#context.gate.answered(attempt, now);
      return;
    }
    this.#context.traffic.handshakesFailed += 1;
    this.#failedHandshakes += 1;
    if (this.#failedHandshakes % EXECUTOR_PAUSE_FAILURES === 0) this.#pausedUntil = now + EXECUTOR_PAUSE_MS;
    const penaltyUntil = this.#context.gate.failed(attempt, now);
    if (penaltyUntil > 0) stream.harness.penalised(penaltyUntil);
  }

  #isNobodysFault(message: Buffer, now: number): boolean {
    if (this.#control === undefined) return now < this.#pausedUntil;
    try {
      const { body } = decodeFrame(message);
      return body.type === 'reset' && body.reason === RESET_REGISTRY_UNAVAILABLE;
    } catch {
      return false;
    }
  }

  #onUnowned(message: Buffer): void {
    const { streamIdStart, streamIdEnd, kind } = this.#peeked;
    this.#drop('unowned');
    const ghost = this.#ghosts.find(message, streamIdStart, streamIdEnd);
    if (ghost !== undefined && (kind === 'reset' || kind === 'handshake')) {
      if (kind === 'reset') this.#countVerdict(ghost, message);
      else if (ghost.attempt !== undefined) this.#context.gate.answered(ghost.attempt, this.#context.clock.now());
      this.#ghosts.delete(ghost);
      return;
    }
    if (kind !== 'data' || this.#unownedResets === 0) return;
    this.#unownedResets -= 1;
    const streamId = streamIdOf(message, this.#peeked);
    this.#uploads.appendUrgent(encodeFrame({ streamId, body: { type: 'reset', reason: 'unknown_stream' } }));
    this.#outlet.schedule(0);
  }

  #drop(reason: 'invalid' | 'unowned'): void {
    // An executor may well have sent to a stream that just ended: only frames that are wrong in themselves count against it.
    this.#context.traffic.dropped[reason] += 1;
    if (reason === 'invalid' && this.#endpoint.countDropped()) this.close('invalid_frames', CLOSE.policy);
  }

  #forget(stream: Stream): boolean {
    if (stream.state === 'over' || !this.#streams.delete(stream)) return false;
    stream.state = 'over';
    if (this.#latest === stream) this.#latest = undefined;
    this.#ledger.forget(stream);
    return true;
  }

  #onClosed(reason: string): void {
    const now = this.#context.clock.now();
    for (const stream of [...this.#streams.values(), ...this.#ghosts.values()]) {
      if (stream.attempt !== undefined) this.#context.gate.answered(stream.attempt, now);
      this.#forget(stream);
    }
    this.#endHarnesses();
    this.#uploads.close();
    this.#context.budgets.backlog.leave(this.#unread);
    this.#events.closed(this, reason);
  }

  #endHarnesses(): void {
    for (const harness of [...this.#harnesses]) harness.end('executor_gone');
  }
}
