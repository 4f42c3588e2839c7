import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonMembers, plainText } from './json-members.ts';

const bytesOf = (text: string) => Buffer.from(text, 'utf8');
const read = (text: string) => {
  const members = jsonMembers(bytesOf(text));
  return (
    members &&
    Object.fromEntries([...members].map(([name, value]) => [name, JSON.parse(Buffer.from(value).toString())]))
  );
};
const object = () =>
  fc.dictionary(
    fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__'),
    fc.jsonValue(),
  );

describe('the members of a JSON object', () => {
  it.each([0, 2])('are those that JSON.parse reads, each with the bytes of its value; indented by %i', (indent) => {
    fc.assert(
      fc.property(object(), (value) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('are undefined for what is no object, or ends too early', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, at) => {
        const text = JSON.stringify(value);
        const isObject = text.startsWith('{');
        expect(jsonMembers(bytesOf(text)) !== undefined).toBe(isObject);
        if (isObject) expect(jsonMembers(bytesOf(text).subarray(0, at % bytesOf(text).length))).toBeUndefined();
      }),
    );
  });

  it('are never an error, whatever the bytes', () => {
    const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\\\', ':', ',', 'a', '1', ' '), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          pieces.map((all) => bytesOf(all.join(''))),
        ),
        (bytes) => {
          expect(jsonMembers(bytes)?.size ?? 0).toBeLessThanOrEqual(bytes.length);
        },
      ),
    );
  });

  it('are views: what is overwritten in them is overwritten in the input', () => {
    const bytes = bytesOf('{"a":{"b":"secret"}}');
    const inner = jsonMembers(jsonMembers(bytes)?.get('a') ?? Buffer.alloc(0));
    plainText(inner?.get('b'))?.fill(0x78);
    expect(bytes.toString()).toBe('{"a":{"b":"xxxxxx"}}');
  });
});

describe('a plain text', () => {
  it.each(['1', '"', '"a\\nb"', '{}', '"a', '"a"b"', '"é"', '"\t"'])('is not what stands in %s', (text) => {
    expect(plainText(bytesOf(text))).toBeUndefined();
  });
});
