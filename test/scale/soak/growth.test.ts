import { describe, expect, it } from 'vitest';
import { growthMeasured, growthPerHour, medianOf, type Sample } from './growth.ts';

const MINUTE_MS = 60_000;

/** A look a minute, for half an hour. */
const looks = (valueAt: (minute: number) => number): Sample[] =>
  Array.from({ length: 31 }, (_, minute) => ({ at: minute * MINUTE_MS, value: valueAt(minute) }));

describe('growth', () => {
  it('is what a steady leak adds in an hour', () => {
    const leaking = looks((minute) => 100 + minute * 0.5);
    expect(growthPerHour(leaking)).toBeCloseTo(30);
    expect(growthMeasured(leaking)).toBeCloseTo(15);
  });

  it('is none where memory breathes', () => {
    expect(Math.abs(growthPerHour(looks((minute) => 100 + (minute % 3) * 8)))).toBeLessThan(8);
  });

  it('is not moved by a few bursts', () => {
    expect(growthPerHour(looks((minute) => (minute > 27 ? 900 : 100)))).toBe(0);
  });

  it('of one look is none', () => {
    expect(growthPerHour([{ at: 0, value: 5 }])).toBe(0);
    expect(growthMeasured([])).toBe(0);
    expect(medianOf([])).toBe(0);
  });
});
