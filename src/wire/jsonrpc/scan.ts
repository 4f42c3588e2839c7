import { WireError } from '../errors.ts';
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from '../limits.ts';

/** Where the value of the outermost member `id` stands, in bytes; `start` is -1 without one. */
export interface ScannedJson {
  idStart: number;
  idEnd: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Strings that end within this many bytes are scanned byte by byte; from there on `indexOf` is many times faster. */
const SHORT_STRING = 48;

/**
 * What `JSON.parse` cannot tell: how many values there are, how deep, whether an object names a member twice, and the exact digits of
 * `id`. One pass, no allocation but the keys. It does **not** check the syntax: of a text that is not JSON it may accept anything,
 * because `JSON.parse` sees the same bytes afterwards. Of a text that is JSON its answers are exact.
 *
 * @throws WireError `duplicate_key`, `json_too_complex`
 */
export function scanJson(bytes: Buffer): ScannedJson {
  return new Scanner(bytes).run();
}

class Scanner {
  readonly #bytes: Buffer;
  readonly #found: ScannedJson = { idStart: -1, idEnd: -1 };
  /** Per open container: the keys seen, or undefined in an array. */
  readonly #keys: (KeySet | undefined)[] = [];
  #values = 0;
  #inId = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(): ScannedJson {
    const bytes = this.#bytes;
    let position = 0;
    while (position < bytes.length) {
      const byte = bytes[position];
      if (byte === QUOTE) position = this.#string(position);
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) position = this.#open(position, byte);
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte === COMMA) position = this.#end(position, byte);
      else if (byte === COLON || isSpace(byte)) position += 1;
      else position = this.#scalar(position);
    }
    return this.#found;
  }

  #open(position: number, byte: number): number {
    this.#value(position);
    if (this.#keys.length >= MAX_JSON_DEPTH) {
      throw new WireError('json_too_complex', 'JSON', `is nested deeper than ${MAX_JSON_DEPTH}`);
    }
    this.#keys.push(byte === OPEN_OBJECT ? new KeySet() : undefined);
    return position + 1;
  }

  #end(position: number, byte: number): number {
    if (byte !== COMMA) this.#keys.pop();
    if (this.#inId && this.#keys.length <= 1) {
      this.#inId = false;
      this.#found.idEnd = position;
    }
    const keys = this.#keys.at(-1);
    if (byte === COMMA && keys) keys.expectsKey = true;
    return position + 1;
  }

  #string(start: number): number {
    const end = stringEnd(this.#bytes, start + 1);
    const keys = this.#keys.at(-1);
    if (!keys?.expectsKey) {
      this.#value(start);
      return end;
    }
    keys.expectsKey = false;
    const key = keyText(this.#bytes, start, end);
    if (!keys.add(key)) throw new WireError('duplicate_key', 'JSON', 'an object names a member twice');
    if (key === 'id' && this.#keys.length === 1) this.#inId = true;
    return end;
  }

  #scalar(start: number): number {
    this.#value(start);
    let position = start + 1;
    while (position < this.#bytes.length && !endsScalar(this.#bytes[position])) position += 1;
    return position;
  }

  #value(start: number): void {
    this.#values += 1;
    if (this.#values > MAX_JSON_VALUES) {
      throw new WireError('json_too_complex', 'JSON', `has more than ${MAX_JSON_VALUES} values`);
    }
    if (this.#inId && this.#keys.length === 1) this.#found.idStart = start;
  }
}

/** The members of one object. Most objects are small: a set is made only when there are more than a few. */
class KeySet {
  expectsKey = true;
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  /** False if it was there. */
  add(key: string): boolean {
    if (this.#many) {
      const before = this.#many.size;
      return this.#many.add(key).size > before;
    }
    if (this.#few.includes(key)) return false;
    this.#few.push(key);
    if (this.#few.length > 8) this.#many = new Set(this.#few);
    return true;
  }
}

/** The position after the closing quote; the end of the text if there is none. */
function stringEnd(bytes: Buffer, start: number): number {
  let position = start;
  let fastFrom = start + SHORT_STRING;
  while (position < bytes.length) {
    if (position >= fastFrom) {
      const quote = bytes.indexOf(QUOTE, position);
      if (quote < 0) return bytes.length;
      // In `position..quote` there is no quote, so an odd run of backslashes before it escapes it.
      let run = quote;
      while (run > position && bytes[run - 1] === BACKSLASH) run -= 1;
      if ((quote - run) % 2 === 0) return quote + 1;
      position = quote + 1;
      fastFrom = position + SHORT_STRING;
      continue;
    }
    const byte = bytes[position];
    if (byte === QUOTE) return position + 1;
    position += byte === BACKSLASH ? 2 : 1;
  }
  return bytes.length;
}

function keyText(bytes: Buffer, start: number, end: number): string {
  const inner = bytes.subarray(start + 1, end - 1);
  if (!inner.includes(BACKSLASH)) return inner.toString('utf8');
  try {
    return String(JSON.parse(bytes.toString('utf8', start, end)));
  } catch (cause) {
    throw new WireError('malformed_json', 'JSON', 'a member name has a bad escape', { cause });
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function endsScalar(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || isSpace(byte);
}
