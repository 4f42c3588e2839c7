import { isUtf8 } from 'node:buffer';
import { WireError } from '../errors.ts';
import { Reader, WIRE_TYPE } from './schema.ts';
import { varintLength } from './varint.ts';

/** A field's number and wire type, as one protobuf tag holds them. */
interface Tag {
  field: number;
  wireType: number;
}

/** Longest varint of protobuf: 64 bits, 7 to a byte. */
const MAX_VARINT_BYTES = 10;

/**
 * The protobufjs reader without its leniency: each varint in its shortest form, no groups, strings in UTF-8, and nothing beyond 32 bits
 * where the schema says `uint32`. What two readers could take differently is refused.
 */
export class StrictReader {
  readonly #reader: Reader;
  readonly #step: string;

  constructor(bytes: Uint8Array, step: string) {
    this.#reader = Reader.create(bytes);
    this.#step = step;
  }

  get done(): boolean {
    return this.#reader.pos >= this.#reader.len;
  }

  tag(): Tag {
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw this.malformed('field number 0');
    return { field: tag >>> 3, wireType: tag & 7 };
  }

  uint32(): number {
    const start = this.#reader.pos;
    const value = this.#orMalformed(() => this.#reader.uint32());
    if (this.#reader.pos - start !== varintLength(value)) throw this.malformed('an overlong varint');
    // Five bytes can hold 35 bits; the reader drops the upper three.
    if (this.#reader.pos - start === 5 && this.#byte(start + 4) > 0x0f) throw this.malformed('a number over 32 bits');
    return value;
  }

  bytes(): Uint8Array {
    const length = this.uint32();
    if (length > this.#reader.len - this.#reader.pos) throw this.malformed('a truncated field');
    const start = this.#reader.pos;
    this.#reader.pos += length;
    return this.#reader.buf.subarray(start, start + length);
  }

  string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw this.malformed('text that is not UTF-8');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  /** Steps over a field that this schema does not know. */
  skip({ wireType }: Tag): void {
    const start = this.#reader.pos;
    switch (wireType) {
      case WIRE_TYPE.bytes:
        this.bytes();
        return;
      case WIRE_TYPE.fixed32:
      case WIRE_TYPE.fixed64:
        this.#orMalformed(() => this.#reader.skipType(wireType));
        return;
      case WIRE_TYPE.varint: {
        this.#orMalformed(() => this.#reader.skipType(wireType));
        const length = this.#reader.pos - start;
        const last = this.#byte(this.#reader.pos - 1);
        if (length > 1 && last === 0) throw this.malformed('an overlong varint');
        if (length > MAX_VARINT_BYTES || (length === MAX_VARINT_BYTES && last > 1)) {
          throw this.malformed('a number over 64 bits');
        }
        return;
      }
      default:
        throw this.malformed(`wire type ${wireType}`);
    }
  }

  malformed(what: string): WireError {
    return new WireError('malformed_frame', this.#step, what);
  }

  #byte(position: number): number {
    return this.#reader.buf[position] ?? 0;
  }

  #orMalformed<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw new WireError('malformed_frame', this.#step, 'a truncated field', { cause });
    }
  }
}
