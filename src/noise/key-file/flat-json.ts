import { plainText, readJsonMembers } from './json-members.ts';

/** A member's value: the digits of an integer, or the bytes between a string's quotes, as views into the input. */
export interface FlatValue {
  readonly kind: 'integer' | 'string';
  readonly bytes: Uint8Array;
}

const ZERO = 0x30;
const NINE = 0x39;

/**
 * Reads one flat JSON object whose values are unescaped ASCII strings or non-negative integers, without making strings of its values.
 * Undefined for anything else: nesting, escapes, duplicate names, trailing bytes.
 */
export function parseFlatJson(bytes: Uint8Array): Map<string, FlatValue> | undefined {
  const read = readJsonMembers(bytes);
  if (read === undefined) return undefined;
  const members = new Map<string, FlatValue>();
  for (const member of read) {
    const name = plainText(member.name);
    const value = flatValue(member.value);
    if (name === undefined || value === undefined) return undefined;
    const key = Buffer.from(name).toString('latin1');
    if (members.has(key)) return undefined;
    members.set(key, value);
  }
  return members;
}

function flatValue(value: Uint8Array): FlatValue | undefined {
  const text = plainText(value);
  if (text !== undefined) return { kind: 'string', bytes: text };
  const leadingZero = value.length > 1 && value[0] === ZERO;
  return leadingZero || !value.every(isDigit) ? undefined : { kind: 'integer', bytes: value };
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}
