import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from './errors.ts';
import { parseRetryAfter } from './retry.ts';
import { decodeWatchEvent, LineSplitter } from './watch-decoder.ts';

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    const lines = fc.array(
      fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify({ text })),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (wanted, sizes) => {
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
        const splitter = new LineSplitter('test');
        const got: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = at + (sizes[turn % sizes.length] ?? 1);
          got.push(...splitter.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(got).toEqual(wanted);
      }),
    );
  });

  it('refuses an event without end', () => {
    const splitter = new LineSplitter('test');
    const chunk = Buffer.alloc(1024 * 1024, 'x');

    expect(() => {
      for (let count = 0; count < 17; count++) splitter.push(chunk);
    }).toThrow(ApiError);
  });
});

describe('decodeWatchEvent', () => {
  it('refuses anything that is no event with an ApiError, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify({ type: value })),
        ),
        (line) => {
          try {
            expect(decodeWatchEvent(line, 'test')).toHaveProperty('type');
          } catch (error) {
            expect(error).toBeInstanceOf(ApiError);
          }
        },
      ),
      { examples: [['{"type":{"toString":0}}']] },
    );
  });

  it('throws the error that the server tells in the stream', () => {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (2)' };

    expect(() => decodeWatchEvent(JSON.stringify({ type: 'ERROR', object }), 'watch Pod')).toThrow(
      expect.objectContaining({ code: 'Expired', status: 410 }),
    );
  });
});

describe('parseRetryAfter', () => {
  it.each([
    ['7', 7_000],
    ['Sat, 21 Nov 2026 08:00:05 GMT', 5_000],
    ['Sat, 21 Nov 2026 07:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('reads %s', (header, milliseconds) => {
    expect(parseRetryAfter(header, Date.parse('2026-11-21T08:00:00Z'))).toBe(milliseconds);
  });
});
