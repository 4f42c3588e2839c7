import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';

describe('Backoff', () => {
  it('tries at once first, then below a window that doubles up to the cap', () => {
    const backoff = new Backoff({ baseMs: 100, capMs: 500, random: () => 0.999 });
    expect([0, 1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([0, 99, 199, 399, 499, 499]);
  });

  it('starts over after a success', () => {
    const backoff = new Backoff({ baseMs: 100, capMs: 500, random: () => 0.5 });
    backoff.next();
    backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(0);
  });

  it('keeps its window small at the start, for so many failures and not after a success', () => {
    const options = { baseMs: 100, capMs: 1600, early: { failures: 4, capMs: 200 }, random: () => 0.999 };
    const waiting = new Backoff(options);
    expect([0, 1, 2, 3, 4, 5].map(() => waiting.next())).toEqual([0, 99, 199, 199, 799, 1598]);
    const started = new Backoff(options);
    started.reset();
    expect([0, 1, 2, 3].map(() => started.next())).toEqual([0, 99, 199, 399]);
  });

  it('never leaves the window', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.9999, noNaN: true }), { maxLength: 80 }), (draws) => {
        let at = 0;
        const backoff = new Backoff({ baseMs: 250, capMs: 10_000, random: () => draws[at++] ?? 0 });
        for (const _ of draws) {
          const pause = backoff.next();
          expect(pause).toBeGreaterThanOrEqual(0);
          expect(pause).toBeLessThan(10_000);
        }
      }),
    );
  });
});
