import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationBetween, formatDuration, isDuration, MAX_DURATION_MS, toMilliseconds } from './duration.ts';

describe('durations (GEP-2257)', () => {
  it.each([
    ['0s', 0],
    ['1h', 3_600_000],
    ['1m1h', 3_660_000],
    ['1h30m', 5_400_000],
    ['1h1m1s1ms', 3_661_001],
    ['500ms', 500],
    ['2160h', 7_776_000_000],
    ['99999h', 359_996_400_000],
  ])('reads %s', (text, expected) => {
    expect(toMilliseconds(text)).toBe(expected);
  });

  it.each(['', '1', '1.5h', '-1h', '1d', '1h 1m', '100000h', '1h1m1s1ms1h', 'h', '１h', '1H', '1s\n'])(
    'refuses %j',
    (text) => {
      expect(isDuration(text)).toBe(false);
      expect(() => toMilliseconds(text)).toThrow(RangeError);
    },
  );

  it('writes what it reads back as the same span', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (span) => {
        expect(toMilliseconds(formatDuration(span))).toBe(span);
      }),
    );
  });

  it('takes or refuses any text without failing otherwise', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9hms]{0,12}$/)), (text) => {
        if (isDuration(text)) expect(toMilliseconds(text)).toBeGreaterThanOrEqual(0);
        else expect(() => toMilliseconds(text)).toThrow(RangeError);
      }),
    );
  });

  it('holds its bounds, the ends included, and quotes them', () => {
    const field = durationBetween({ least: '1m', most: '2h' });
    expect(field.safeParse('60s').success).toBe(true);
    expect(field.safeParse('120m').success).toBe(true);
    expect(field.safeParse('59s').error?.issues[0]?.message).toBe(
      'must be a duration from 1m to 2h, such as 24h or 1h30m',
    );
    expect(field.safeParse('2h1ms').success).toBe(false);
    expect(field.safeParse(60).success).toBe(false);
  });
});
