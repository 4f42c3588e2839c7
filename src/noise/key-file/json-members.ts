const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

/** As they stand in the object, quotes included: views into its bytes. */
export interface JsonMember {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * The members of a JSON object in their order, of which nothing is copied: `JSON.parse` would leave private keys in the heap. Values are cut out and
 * not checked. Undefined for what is no object.
 */
export function readJsonMembers(bytes: Uint8Array): readonly JsonMember[] | undefined {
  return new MembersReader(bytes).members();
}

/** By name, each with the bytes of its value; of two members of one name the last is taken. For what a server of ours sent. */
export function jsonMembers(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> | undefined {
  const read = readJsonMembers(bytes);
  if (read === undefined) return undefined;
  const members = new Map<string, Uint8Array>();
  for (const { name, value } of read) {
    const text = textOf(name);
    if (text === undefined) return undefined;
    members.set(text, value);
  }
  return members;
}

/** The bytes between the quotes of a JSON string of printable ASCII without escapes, such as base64; undefined for anything else. */
export function plainText(value: Uint8Array | undefined): Uint8Array | undefined {
  if (value === undefined || value.length < 2 || value[0] !== QUOTE || value.at(-1) !== QUOTE) return undefined;
  const text = value.subarray(1, -1);
  return text.every(isPlain) ? text : undefined;
}

function isPlain(byte: number): boolean {
  return byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE && byte !== QUOTE && byte !== BACKSLASH;
}

class MembersReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  members(): readonly JsonMember[] | undefined {
    const members: JsonMember[] = [];
    if (!this.#accept(OPEN)) return undefined;
    if (!this.#accept(CLOSE)) {
      do {
        const name = this.#value();
        if (name?.[0] !== QUOTE || !this.#accept(COLON)) return undefined;
        const value = this.#value();
        if (value === undefined) return undefined;
        members.push({ name, value });
      } while (this.#accept(COMMA));
      if (!this.#accept(CLOSE)) return undefined;
    }
    this.#skipSpace();
    return this.#at === this.#bytes.length ? members : undefined;
  }

  /** Up to where it ends: at its quote, at its bracket, or before what cannot belong to a number or a word. */
  #value(): Uint8Array | undefined {
    this.#skipSpace();
    const start = this.#at;
    let depth = 0;
    do {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return undefined;
      if (byte === QUOTE) {
        if (!this.#skipString()) return undefined;
        continue;
      }
      if (byte === OPEN || byte === OPEN_LIST) depth += 1;
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        if (depth === 0) return undefined;
        depth -= 1;
      } else if (depth === 0) {
        this.#skipWord();
        break;
      }
      this.#at += 1;
    } while (depth > 0);
    return this.#at === start ? undefined : this.#bytes.subarray(start, this.#at);
  }

  #skipString(): boolean {
    for (this.#at += 1; this.#at < this.#bytes.length; this.#at += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === BACKSLASH) this.#at += 1;
      else if (byte === QUOTE) {
        this.#at += 1;
        return true;
      }
    }
    return false;
  }

  #skipWord(): void {
    for (; this.#at < this.#bytes.length; this.#at += 1) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (byte === COMMA || byte === CLOSE || byte === CLOSE_LIST || byte === COLON || SPACES.has(byte)) return;
    }
  }

  #accept(byte: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (SPACES.has(this.#bytes[this.#at] ?? 0)) this.#at += 1;
  }
}

/** Of a name, which is no secret. */
function textOf(name: Uint8Array): string | undefined {
  try {
    return String(JSON.parse(Buffer.from(name).toString('utf8')));
  } catch {
    return undefined;
  }
}
