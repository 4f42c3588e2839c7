import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerOf, MIN_BEARER_LENGTH } from './bearer.ts';

function bearerIn(authorization: string | undefined): string | undefined {
  const request = new IncomingMessage(new Socket());
  request.headers = authorization === undefined ? {} : { authorization };
  return bearerOf(request);
}

const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) });

describe('the bearer of a request', () => {
  it('is what stands behind the scheme, if it is one word of a length that a token has', () => {
    fc.assert(
      fc.property(visible, fc.constantFrom('Bearer', 'bearer', 'BEARER'), (token, scheme) => {
        const found = bearerIn(`${scheme} ${token}`);
        expect(found).toBe(token.length < MIN_BEARER_LENGTH ? undefined : token);
      }),
    );
    expect(bearerIn(`Bearer ${'x'.repeat(16_384)}`)).toBeDefined();
    expect(bearerIn(`Bearer ${'x'.repeat(16_385)}`)).toBeUndefined();
  });

  it('is none in any other header, and never a part of one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        const found = bearerIn(text);
        if (found !== undefined) expect(text.trimEnd()).toMatch(/^bearer +[\x21-\x7e]{16,}$/i);
        expect(bearerIn(`Basic ${text}`)).toBeUndefined();
      }),
    );
    expect(bearerIn(undefined)).toBeUndefined();
    expect(bearerIn('Bearer two-words-that-are long-enough-each')).toBeUndefined();
  });
});
