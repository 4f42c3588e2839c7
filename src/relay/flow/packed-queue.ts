import { CHUNK_BYTES, type ChunkPool } from './chunk-pool.ts';

/**
 * Messages up to this size are copied into a shared chunk: one `write` for many of them, and a queued small message does not
 * keep alive the 64 KiB read it came in. Larger ones are kept by reference, which pins at most twice their size.
 */
export const COPY_LIMIT_BYTES = 32_768;

/**
 * A queue in which more waits than this has a peer that does not keep up: what comes now will wait for long, and is copied into chunks for
 * backlogs, unless it is larger than one. Two batches of a write: one is with the kernel, one comes next.
 */
export const BACKLOG_FROM_BYTES = 262_144;

/** Longest header of an unmasked WebSocket frame (RFC 6455 §5.2). */
const MAX_HEADER_BYTES = 10;
const FINAL_FRAGMENT = 0x80;
export const TEXT_OPCODE = 0x01;
const BINARY_OPCODE = 0x02;

/** Whole WebSocket messages, ready to be written. */
export interface Parcel {
  /** Packed messages, or the header of `body`. */
  readonly head: Buffer;
  readonly body: Uint8Array | undefined;
  /** To go back to the pool once written. */
  readonly chunk: Buffer | undefined;
  /** Bytes on the wire. */
  readonly wireBytes: number;
  /** Sum of the lengths of the messages, without WebSocket headers. */
  readonly messageBytes: number;
}

/** Writes the header of an unmasked, final WebSocket frame; returns the offset after it. */
function writeHeader(target: Buffer, at: number, opcode: number, length: number): number {
  target[at] = FINAL_FRAGMENT | opcode;
  if (length < 126) {
    target[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    target[at + 1] = 126;
    target[at + 2] = length >>> 8;
    target[at + 3] = length & 0xff;
    return at + 4;
  }
  target[at + 1] = 127;
  target.writeUInt32BE(0, at + 2);
  target.writeUInt32BE(length, at + 6);
  return at + MAX_HEADER_BYTES;
}

/**
 * Messages on their way to one WebSocket, in order, already in wire form. `ws` would make two writes and several objects of each
 * message; here small ones are packed as they come, and nothing is allocated for them.
 */
export class PackedQueue {
  readonly #pool: ChunkPool;
  #parcels: Parcel[] = [];
  #first = 0;
  #chunk: Buffer | undefined;
  #used = 0;
  #packedBytes = 0;
  #messageBytes = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Sum of the lengths of the messages waiting here. */
  get messageBytes(): number {
    return this.#messageBytes;
  }

  append(message: Uint8Array, opcode: number = BINARY_OPCODE): void {
    const length = message.length;
    const isBacklog = this.#messageBytes > BACKLOG_FROM_BYTES;
    this.#messageBytes += length;
    if (length > (isBacklog ? CHUNK_BYTES - MAX_HEADER_BYTES : COPY_LIMIT_BYTES)) {
      this.#appendByReference(message, opcode);
      return;
    }
    if (this.#used + MAX_HEADER_BYTES + length > CHUNK_BYTES) this.#seal();
    this.#chunk ??= isBacklog ? this.#pool.takeForBacklog() : this.#pool.take();
    const chunk = this.#chunk;
    const start = writeHeader(chunk, this.#used, opcode, length);
    chunk.set(message, start);
    this.#used = start + length;
    this.#packedBytes += length;
  }

  /** The next parcel to write. Its owner gives the chunk back to the pool. */
  shift(): Parcel | undefined {
    if (this.#first === this.#parcels.length) {
      if (this.#chunk === undefined) return undefined;
      this.#seal();
    }
    const parcel = this.#parcels[this.#first];
    this.#first += 1;
    if (this.#first === this.#parcels.length) {
      this.#parcels.length = 0;
      this.#first = 0;
    } else if (this.#first === 1_024) {
      this.#parcels = this.#parcels.slice(this.#first);
      this.#first = 0;
    }
    if (parcel !== undefined) this.#messageBytes -= parcel.messageBytes;
    return parcel;
  }

  /** Forgets everything that waits; returns how many message bytes that was. */
  clear(): number {
    const dropped = this.#messageBytes;
    for (let parcel = this.shift(); parcel !== undefined; parcel = this.shift()) {
      if (parcel.chunk !== undefined) this.#pool.give(parcel.chunk);
    }
    return dropped;
  }

  #appendByReference(message: Uint8Array, opcode: number): void {
    this.#seal();
    const header = Buffer.allocUnsafe(MAX_HEADER_BYTES);
    const head = header.subarray(0, writeHeader(header, 0, opcode, message.length));
    const wireBytes = head.length + message.length;
    this.#parcels.push({ head, body: message, chunk: undefined, wireBytes, messageBytes: message.length });
  }

  #seal(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    const head = chunk.subarray(0, this.#used);
    this.#parcels.push({ head, body: undefined, chunk, wireBytes: head.length, messageBytes: this.#packedBytes });
    this.#chunk = undefined;
    this.#used = 0;
    this.#packedBytes = 0;
  }
}
