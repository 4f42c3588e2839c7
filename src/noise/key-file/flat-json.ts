/** A member's value: the digits of an integer, or the bytes between a string's quotes, as views into the input. */
export interface FlatValue {
  readonly kind: 'integer' | 'string';
  readonly bytes: Uint8Array;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Reads one flat JSON object whose values are unescaped ASCII strings or non-negative integers, without making strings of its values:
 * `JSON.parse` would leave private keys in the heap. Undefined for anything else: nesting, escapes, duplicate names, trailing bytes.
 */
export function parseFlatJson(bytes: Uint8Array): Map<string, FlatValue> | undefined {
  return new FlatJsonReader(bytes).object();
}

class FlatJsonReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  object(): Map<string, FlatValue> | undefined {
    const members = new Map<string, FlatValue>();
    if (!this.#accept(OPEN)) return undefined;
    if (!this.#accept(CLOSE)) {
      do {
        const name = this.#string();
        if (!name || !this.#accept(COLON)) return undefined;
        const value = this.#string() ?? this.#integer();
        const key = Buffer.from(name.bytes).toString('latin1');
        if (!value || members.has(key)) return undefined;
        members.set(key, value);
      } while (this.#accept(COMMA));
      if (!this.#accept(CLOSE)) return undefined;
    }
    this.#skipSpace();
    return this.#at === this.#bytes.length ? members : undefined;
  }

  #string(): FlatValue | undefined {
    if (!this.#accept(QUOTE)) return undefined;
    const start = this.#at;
    for (; this.#at < this.#bytes.length; this.#at++) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (byte === QUOTE) return { kind: 'string', bytes: this.#bytes.subarray(start, this.#at++) };
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined;
    }
    return undefined;
  }

  #integer(): FlatValue | undefined {
    this.#skipSpace();
    const start = this.#at;
    while (isDigit(this.#bytes[this.#at])) this.#at++;
    const bytes = this.#bytes.subarray(start, this.#at);
    const leadingZero = bytes.length > 1 && bytes[0] === 0x30;
    return bytes.length === 0 || leadingZero ? undefined : { kind: 'integer', bytes };
  }

  #accept(byte: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (SPACES.has(this.#bytes[this.#at] ?? 0)) this.#at++;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
