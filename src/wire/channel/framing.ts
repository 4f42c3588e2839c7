import { WireError } from '../errors.ts';
import { MAX_RECORD_PLAINTEXT, MAX_RPC_BYTES } from '../limits.ts';

/** The length prefix of a message: unsigned 32-bit big-endian. */
const PREFIX_BYTES = 4;

/**
 * Cuts one message, with its length in front, into plaintexts of records (contract §6). The pieces after the first are views into
 * `message`, which must not change until they are used.
 *
 * @throws WireError `bad_length_prefix` for an empty message or one over `MAX_RPC_BYTES`
 */
export function cutMessage(message: Uint8Array): Iterable<Uint8Array> {
  if (message.length === 0 || message.length > MAX_RPC_BYTES) throw badLength(message.length);
  return pieces(message);
}

function* pieces(message: Uint8Array): Generator<Uint8Array> {
  const firstLength = Math.min(message.length, MAX_RECORD_PLAINTEXT - PREFIX_BYTES);
  const first = Buffer.allocUnsafe(PREFIX_BYTES + firstLength);
  first.writeUInt32BE(message.length);
  first.set(message.subarray(0, firstLength), PREFIX_BYTES);
  yield first;
  for (let at = firstLength; at < message.length; at += MAX_RECORD_PLAINTEXT) {
    yield message.subarray(at, at + MAX_RECORD_PLAINTEXT);
  }
}

/** First allocation for a message under way: a peer that only claims 64 MiB does not get 64 MiB. */
const FIRST_CHUNK_BYTES = 1024 * 1024;

/** Takes messages out of the byte stream that opened records form. Record and message boundaries are unrelated. */
export class MessageAssembler {
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #prefixLength = 0;
  /** Of the message under way: its length, what has come of it, and the buffer, which grows as it comes. */
  #length = 0;
  #received = 0;
  #message: Buffer = Buffer.alloc(0);

  /** The messages that are now complete, each in memory of its own. Throws WireError `bad_length_prefix`. */
  push(plaintext: Uint8Array): Uint8Array[] {
    const complete: Uint8Array[] = [];
    let at = 0;
    while (at < plaintext.length) {
      at =
        this.#prefixLength < PREFIX_BYTES ? this.#takePrefix(plaintext, at) : this.#takeBody(plaintext, at, complete);
    }
    return complete;
  }

  #takePrefix(plaintext: Uint8Array, start: number): number {
    const taken = Math.min(PREFIX_BYTES - this.#prefixLength, plaintext.length - start);
    this.#prefix.set(plaintext.subarray(start, start + taken), this.#prefixLength);
    this.#prefixLength += taken;
    if (this.#prefixLength === PREFIX_BYTES) {
      this.#length = this.#prefix.readUInt32BE();
      if (this.#length === 0 || this.#length > MAX_RPC_BYTES) throw badLength(this.#length);
      this.#received = 0;
      this.#message = Buffer.allocUnsafe(Math.min(this.#length, FIRST_CHUNK_BYTES));
    }
    return start + taken;
  }

  #takeBody(plaintext: Uint8Array, start: number, complete: Uint8Array[]): number {
    const taken = Math.min(this.#length - this.#received, plaintext.length - start);
    this.#reserve(this.#received + taken);
    this.#message.set(plaintext.subarray(start, start + taken), this.#received);
    this.#received += taken;
    if (this.#received === this.#length) {
      complete.push(this.#message);
      this.#message = Buffer.alloc(0);
      this.#prefixLength = 0;
    }
    return start + taken;
  }

  #reserve(length: number): void {
    if (length <= this.#message.length) return;
    const grown = Buffer.allocUnsafe(Math.min(this.#length, Math.max(length, this.#message.length * 2)));
    grown.set(this.#message.subarray(0, this.#received));
    this.#message = grown;
  }
}

function badLength(length: number): WireError {
  return new WireError(
    'bad_length_prefix',
    'framing',
    `a message of ${length} bytes; 1 to ${MAX_RPC_BYTES} are allowed`,
  );
}
