import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePathUri, parseTextPathUri, pathUri } from './path-uri.ts';

describe('parsePathUri', () => {
  it.each([
    ['file:///a/y%20.txt', '/a/y .txt'],
    ['file://localhost/tmp', '/tmp'],
    ['FILE:///tmp/', '/tmp'],
    ['file:/tmp', '/tmp'],
    ['file:///', '/'],
    ['file:///a/./b/../c', '/a/c'],
    ['file:///../..', '/'],
    ['file:///a/%2e%2e/b', '/b'],
    ['file:///%C3%BC', '/ü'],
    ['file:///ü', '/ü'],
    ['file:///%00/bad/path/L3RtcA', '/tmp'],
  ])('reads %s', (uri, path) => {
    expect(parsePathUri(uri)).toBe(path);
  });

  it('keeps bytes that are no UTF-8, in either form', () => {
    const bytes = Buffer.from('/bad\xff', 'latin1');
    expect(parsePathUri('file:///bad%FF')).toEqual(bytes);
    expect(parsePathUri(`file:///%00/bad/path/${bytes.toString('base64url')}`)).toEqual(bytes);
    expect(() => parseTextPathUri('file:///bad%FF')).toThrow('UTF-8');
  });

  it.each([
    '/tmp',
    'tmp',
    '',
    'http://x/tmp',
    'file:tmp',
    'file://server/tmp',
    'file://',
    'file:///a?b',
    'file:///a#b',
    'file:///a%0',
    'file:///a%zz',
    'file:///a%00b',
    'file:///%00/bad/path/dG1w',
    'file:///%00/bad/path/%%%',
    'file:///%00/bad/path/LwBh',
  ])('refuses %j with -32602', (uri) => {
    expect(() => parsePathUri(uri)).toThrow(expect.objectContaining({ code: -32602 }));
  });

  it('is the inverse of pathUri for every absolute path', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => bytes.map((b) => (b === 0 || b === 0x2f ? 1 : b)));
    const real = name.filter((bytes) => !['.', '..'].includes(Buffer.from(bytes).toString('latin1')));
    fc.assert(
      fc.property(fc.array(real, { maxLength: 6 }), (names) => {
        const path = Buffer.concat([
          Buffer.from('/'),
          ...names.flatMap((n, i) => (i > 0 ? [Buffer.from('/'), n] : [n])),
        ]);
        const parsed = parsePathUri(pathUri(path));
        expect(Buffer.from(parsed)).toEqual(path);
        if (typeof parsed === 'string')
          expect(parsePathUri(`file:///%00/bad/path/${path.toString('base64url')}`)).toBe(parsed);
      }),
    );
  });

  it('answers any text with an absolute path or -32602', () => {
    const piece = fc.constantFrom(
      'file:',
      '//',
      '/',
      '..',
      '%',
      '00',
      '%41',
      'a',
      '?',
      'ü',
      'localhost',
      '%2F',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        (uri) => {
          try {
            expect(Buffer.from(parsePathUri(uri))[0]).toBe(0x2f);
          } catch (error) {
            expect(error).toMatchObject({ code: -32602 });
          }
        },
      ),
    );
  });
});
