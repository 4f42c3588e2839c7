import { describe, expect, it } from 'vitest';
import { nextTokens, tokenIn } from './tokens.ts';

const now = Date.parse('2026-11-21T08:00:00Z');
const HOUR = 3_600_000;
const times = { overlapMs: HOUR, now };
const [a, b, c] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)] as const;

describe('registration tokens', () => {
  it('are one as long as nobody changes it', () => {
    expect(nextTokens([{ sha256: a }], a, times)).toEqual({ tokens: [{ sha256: a }], nextTime: undefined });
  });

  it('are two for the overlap after a change', () => {
    const changed = nextTokens([{ sha256: a }], b, times);
    const end = now + HOUR;
    expect(changed).toEqual({
      tokens: [{ sha256: b }, { sha256: a, expirationTime: '2026-11-21T09:00:00Z' }],
      nextTime: end,
    });
    expect(nextTokens(changed.tokens, b, { ...times, now: end - 1000 }).tokens).toEqual(changed.tokens);
    expect(nextTokens(changed.tokens, b, { ...times, now: end }).tokens).toEqual([{ sha256: b }]);
  });

  it('are never more than two: the oldest ends at once', () => {
    const two = nextTokens([{ sha256: a }], b, times).tokens;
    expect(nextTokens(two, c, times).tokens.map(({ sha256 }) => sha256)).toEqual([c, b]);
  });

  it('change at once without an overlap', () => {
    expect(nextTokens([{ sha256: a }], b, { overlapMs: 0, now }).tokens).toEqual([{ sha256: b }]);
  });

  it('have no end again when the change is taken back', () => {
    const two = nextTokens([{ sha256: a }], b, times).tokens;
    expect(nextTokens(two, a, times).tokens).toEqual([
      { sha256: a },
      { sha256: b, expirationTime: '2026-11-21T09:00:00Z' },
    ]);
  });

  it.each([
    ['as it is', 'x'.repeat(32), true],
    ['with a line end', `${'x'.repeat(32)}\n`, true],
    ['too short to be secret', 'x'.repeat(31), false],
    ['two words', `${'x'.repeat(32)} ${'x'.repeat(32)}`, false],
    ['nothing', '', false],
  ])('are taken from a Secret %s', (_, text, good) => {
    expect(tokenIn(Buffer.from(text).toString('base64'))).toBe(good ? text.trim() : undefined);
  });
});
