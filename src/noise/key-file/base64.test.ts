import fc from 'fast-check';
import { expect, it } from 'vitest';
import { base64Decode, base64Encode } from './base64.ts';

const ascii = (text: string) => new TextEncoder().encode(text);

it('writes what Node writes, and reads it back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = base64Encode(bytes);
      expect(Buffer.from(text).toString('latin1')).toBe(Buffer.from(bytes).toString('base64'));
      expect(base64Decode(text)).toEqual(bytes);
    }),
  );
});

it('reads only what it would write', () => {
  const text = fc.oneof(fc.string({ maxLength: 12 }), fc.base64String({ maxLength: 12 }));
  fc.assert(
    fc.property(text, (candidate) => {
      const bytes = base64Decode(ascii(candidate));
      if (bytes) expect(base64Encode(bytes)).toEqual(ascii(candidate));
    }),
    { numRuns: 2000 },
  );
});

it.each(['A', 'AA', 'AA=', 'AB==', 'AAB=', 'A===', '====', 'AA==AAAA', 'AA-_', 'AA A', 'AAAA\n'])(
  'refuses %j',
  (text) => {
    expect(base64Decode(ascii(text))).toBeUndefined();
  },
);
