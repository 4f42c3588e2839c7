import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Needles } from './needles.ts';

const SECRET = Buffer.from('0123456789abcdef0123456789abcdefff', 'hex');
const some = () => fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));

describe('needles', () => {
  const needles = new Needles();
  needles.addForms('it', SECRET);
  needles.addForms('another', Buffer.from('0123ffff', 'hex'));

  it.each<[string, (bytes: Buffer) => string | Buffer]>([
    ['bytes', (bytes) => bytes],
    ['hexadecimal', (bytes) => bytes.toString('hex')],
    ['HEXADECIMAL', (bytes) => bytes.toString('hex').toUpperCase()],
    ['base64', (bytes) => bytes.toString('base64')],
    ['base64url', (bytes) => bytes.toString('base64url')],
  ])('are found as %s, whatever stands before and after', (form, encode) => {
    fc.assert(
      fc.property(some(), some(), some(), some(), (before, first, last, after) => {
        const encoded = Buffer.from(encode(Buffer.concat([first, SECRET, last])));
        const [found] = needles
          .in({ bytes: Buffer.concat([before, encoded, after]) })
          .filter((name) => name.startsWith('it'));
        // Without `+` and `/` the two alphabets are one.
        expect(found).toMatch(new RegExp(`^it, (${form}|base64)`));
      }),
    );
  });

  it('are not found where a byte is another', () => {
    for (const at of SECRET.keys()) {
      const bytes = Buffer.from(SECRET);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      expect(needles.in({ bytes })).toEqual([]);
    }
  });
});
