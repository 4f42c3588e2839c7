/** As large as one read of a socket by Node, so that one read of small frames fills about one chunk. */
export const CHUNK_BYTES = 65_536;

/** Chunks kept for reuse: 8 MiB, what a few busy streams turn over within one turn of the event loop. */
const KEPT_CHUNKS = 128;

/** Buffers into which small frames are packed. Nothing in here outlives its use: an idle socket holds no chunk. */
export class ChunkPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** Only for a chunk that nobody reads any more. */
  give(chunk: Buffer): void {
    if (this.#free.length < KEPT_CHUNKS) this.#free.push(chunk);
  }
}
