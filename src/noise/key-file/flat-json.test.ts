import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseFlatJson } from './flat-json.ts';

const ascii = (text: string) => new TextEncoder().encode(text);
const plainText = fc.stringMatching(/^[ !#-[\]-~]{0,12}$/);
const space = fc.constantFrom('', ' ', '\n', '\t ', '\r\n');

it('reads what JSON.parse reads, for flat objects of plain strings and integers', () => {
  const member = fc.tuple(plainText, fc.oneof(plainText, fc.nat()));
  const members = fc.uniqueArray(member, { selector: ([name]) => name, maxLength: 5 });
  fc.assert(
    fc.property(members, space, (all, gap) => {
      const text = `${gap}{${all.map(([name, value]) => `${gap}"${name}"${gap}:${gap}${JSON.stringify(value)}${gap}`).join(',')}}${gap}`;
      const read = parseFlatJson(ascii(text));
      const values = [...(read ?? [])].map(([name, { kind, bytes }]) => {
        const value = Buffer.from(bytes).toString('latin1');
        return [name, kind === 'integer' ? Number(value) : value];
      });
      expect(values).toEqual(all);
      expect(Object.keys(JSON.parse(text))).toHaveLength(all.length);
    }),
  );
});

it('accepts nothing that JSON.parse refuses', () => {
  const pieces = fc.array(fc.constantFrom('{', '}', '"', 'a', ':', ',', '1', '0', ' ', '\\', '[', 'null'), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(pieces, (some) => {
      const text = some.join('');
      if (parseFlatJson(ascii(text))) expect(() => JSON.parse(text)).not.toThrow();
    }),
    { numRuns: 10_000 },
  );
});

it.each([
  ['a duplicate name', '{"a":1,"a":2}'],
  ['an escape', '{"a":"\\u0041"}'],
  ['a nested object', '{"a":{}}'],
  ['a list', '{"a":[]}'],
  ['a negative number', '{"a":-1}'],
  ['a fraction', '{"a":1.5}'],
  ['a leading zero', '{"a":01}'],
  ['a trailing comma', '{"a":1,}'],
  ['trailing bytes', '{"a":1} x'],
  ['no object', '"a"'],
  ['nothing', ''],
  ['an unfinished string', '{"a":"'],
  ['a byte beyond ASCII', '{"a":"ä"}'],
])('refuses %s', (_, text) => {
  expect(parseFlatJson(ascii(text))).toBeUndefined();
});
