/** As large as one read of a socket by Node, so that one read of small frames fills about one chunk. */
export const CHUNK_BYTES = 65_536;

/** Chunks kept for reuse: 8 MiB, what a few busy streams turn over within one turn of the event loop. */
const KEPT_CHUNKS = 128;

/**
 * Buffers into which messages are packed. An idle socket holds no chunk.
 *
 * What waits long, the backlog of a slow peer, lies in chunks of another kind: V8 does not count shared memory as memory of its heap. Tens of
 * MiB that come and go in ordinary buffers make it mark the whole heap again and again, 10 to 50 ms each time, in which every other stream
 * waits (row R7). Nothing would bring V8 to free what it does not count, so these chunks are never let go: the pool grows to the largest
 * backlog that there ever was, which the budgets of backlogs limit.
 */
export class ChunkPool {
  readonly #free: Buffer[] = [];
  readonly #freeForBacklog: Buffer[] = [];

  /** For what is written at the end of this turn, as a rule. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** For what waits behind much else. */
  takeForBacklog(): Buffer {
    return this.#freeForBacklog.pop() ?? Buffer.from(new SharedArrayBuffer(CHUNK_BYTES));
  }

  /** Only for a chunk that nobody reads any more. */
  give(chunk: Buffer): void {
    if (chunk.buffer instanceof SharedArrayBuffer) this.#freeForBacklog.push(chunk);
    else if (this.#free.length < KEPT_CHUNKS) this.#free.push(chunk);
  }
}
