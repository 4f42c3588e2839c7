import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Recent } from './recent.ts';

describe('Recent', () => {
  it('has quantiles of the last values only', () => {
    const recent = new Recent(4);
    for (const value of [900, 800, 1, 2, 3, 4]) recent.add(value);

    expect([0, 0.5, 0.75, 0.99, 1].map((quantile) => recent.quantile(quantile))).toEqual([1, 2, 3, 4, 4]);
    expect(new Recent(4).quantile(0.5)).toBeUndefined();
  });

  it('never holds more than its size, and a quantile is one of what it holds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, quantile) => {
          const recent = new Recent(8);
          for (const value of values) recent.add(value);
          expect(recent.count).toBe(Math.min(8, values.length));
          expect(values.slice(-8)).toContain(recent.quantile(quantile));
        },
      ),
    );
  });
});
