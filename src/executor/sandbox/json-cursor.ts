export interface Span {
  start: number;
  end: number;
}

/** The bytes are not JSON where the cursor looked. Whoever receives the message judges it; the cursor only gives up. */
export class MalformedJson extends Error {
  readonly code = 'malformed_json';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Walks over JSON bytes and knows where each value stands, without building any: a member can then be replaced in place while 64-bit
 * integers, number spelling and member order around it stay as they came. Values that are skipped are checked for balance only.
 */
export class JsonCursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atObject(): boolean {
    return this.#peek() === OPEN_BRACE;
  }

  get atArray(): boolean {
    return this.#peek() === OPEN_BRACKET;
  }

  /** The string value here, or undefined (and skipped) when the value is of another type. */
  readString(): string | undefined {
    if (this.#peek() === QUOTE) return this.#string();
    this.skipValue();
    return undefined;
  }

  /** Calls `visit` at each member's value; `visit` must consume it. Any other value than an object is skipped. */
  members(visit: (key: string) => void): void {
    if (!this.atObject) {
      this.skipValue();
      return;
    }
    this.#at += 1;
    if (this.#take(CLOSE_BRACE)) return;
    do {
      if (this.#peek() !== QUOTE) throw new MalformedJson();
      const key = this.#string();
      if (!this.#take(COLON)) throw new MalformedJson();
      visit(key);
    } while (this.#take(COMMA));
    if (!this.#take(CLOSE_BRACE)) throw new MalformedJson();
  }

  /** Calls `visit` at each element, which it must consume. Any other value than an array is skipped. */
  elements(visit: () => void): void {
    if (!this.atArray) {
      this.skipValue();
      return;
    }
    this.#at += 1;
    if (this.#take(CLOSE_BRACKET)) return;
    do visit();
    while (this.#take(COMMA));
    if (!this.#take(CLOSE_BRACKET)) throw new MalformedJson();
  }

  /** Steps over one value of any type and says where it stood. */
  skipValue(): Span {
    const first = this.#peek();
    const start = this.#at;
    if (first === QUOTE) this.#skipString();
    else if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#skipNested();
    else this.#skipScalar();
    return { start, end: this.#at };
  }

  #skipNested(): void {
    let depth = 0;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new MalformedJson();
      if (byte === QUOTE) {
        this.#skipString();
        continue;
      }
      this.#at += 1;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
      if (depth === 0) return;
    }
  }

  #skipScalar(): void {
    const start = this.#at;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte))
        break;
      this.#at += 1;
    }
    if (this.#at === start) throw new MalformedJson();
  }

  /** From an opening quote to behind the closing one. `indexOf` is native: a megabyte of base64 costs microseconds. */
  #skipString(): void {
    let from = this.#at + 1;
    for (;;) {
      const quote = this.#bytes.indexOf(QUOTE, from);
      if (quote === -1) throw new MalformedJson();
      let backslashes = 0;
      while (this.#bytes[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
      from = quote + 1;
      if (backslashes % 2 === 0) break;
    }
    this.#at = from;
  }

  #string(): string {
    const start = this.#at;
    this.#skipString();
    const inside = this.#bytes.toString('utf8', start + 1, this.#at - 1);
    if (!inside.includes('\\')) return inside;
    try {
      return String(JSON.parse(`"${inside}"`));
    } catch {
      throw new MalformedJson();
    }
  }

  #take(expected: number): boolean {
    if (this.#peek() !== expected) return false;
    this.#at += 1;
    return true;
  }

  #peek(): number {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new MalformedJson();
      if (!isSpace(byte)) return byte;
      this.#at += 1;
    }
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
