import { encodeFrame, parseStreamId } from '../../wire/index.ts';
import type { Backlog } from '../flow/backlog.ts';
import type { Lane } from '../flow/fair-queue.ts';
import type { TableEntry } from '../flow/stream-table.ts';
import type { Attempt } from '../handshakes.ts';

/**
 * `claimed`: bound by its first frame. `handshaking`: message 1 seen, maybe still held here. `open`: the executor answered.
 * `over`: reset by either side or the harness went.
 */
type StreamState = 'claimed' | 'handshaking' | 'open' | 'over';

/** What the executor's side needs of the harness socket behind a stream. */
export interface HarnessEnd {
  /** Queues one message for the harness. */
  deliver(message: Uint8Array): void;
  /** Message bytes waiting in the queue that are not yet given to its socket. */
  dropQueued(): number;
  /** Its identity failed too many handshakes here: refused until then (ms). */
  penalised(untilMs: number): void;
  /** The stream is over: the socket follows after what is queued. */
  end(reason: string): void;
}

/** One stream: bound to the harness socket that used its id first, for that socket's life. */
export interface Stream extends TableEntry<Stream> {
  /** What `peekFrameOf` compares a frame with. */
  readonly header: Uint8Array;
  readonly harness: HarnessEnd;
  readonly lane: Lane;
  readonly backlog: Backlog;
  /** What was last told to the sidecar of `backlog.taken`. */
  reported: number;
  state: StreamState;
  attempt: Attempt | undefined;
}

/** The frame that ends the stream, for either side. */
export function resetFrame(stream: Stream, reason: string): Uint8Array {
  const streamId = parseStreamId(Buffer.from(stream.id).toString('utf8'));
  return encodeFrame({ streamId, body: { type: 'reset', reason } });
}
