import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './lines.ts';

describe('LineSplitter', () => {
  it('gives the same lines wherever the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 7 }), { minLength: 1 }), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(''));
        const splitter = new LineSplitter();
        const read: string[] = [];
        let at = 0;
        for (let turn = 0; at < bytes.length; turn++) {
          const end = at + 1 + (cuts[turn % cuts.length] ?? 0);
          read.push(...splitter.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(read).toEqual(lines);
      }),
    );
  });

  it('does not take what is not ended for a line', () => {
    expect(new LineSplitter().push(Buffer.from('one\ntwo'))).toEqual(['one']);
  });

  it('refuses a line that has no end', () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.from('0123456789'));
    expect(() => splitter.push(Buffer.from('0'))).toThrow(expect.objectContaining({ code: 'line_too_long' }));
  });
});
