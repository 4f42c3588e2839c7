import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from './token-bucket.ts';

describe('RateLimiter', () => {
  it('allows a burst, then says how long to wait for the next', () => {
    const limiter = new RateLimiter({ perSecond: 2, burst: 3 });
    expect([1, 2, 3].map(() => limiter.take('a', 0))).toEqual([undefined, undefined, undefined]);
    expect(limiter.take('a', 0)).toBe(500);
    expect(limiter.take('a', 500)).toBeUndefined();
  });

  it('keeps one key from using up another', () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 });
    limiter.take('greedy', 0);
    expect(limiter.take('greedy', 0)).toBe(1000);
    expect(limiter.take('modest', 0)).toBeUndefined();
  });

  it('forgets full buckets, so that many keys over time do not pile up', () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 });
    for (let i = 0; i < 100_000; i++) limiter.take(`k${i}`, i * 10);
    expect(limiter.size).toBeLessThan(3000);
  });

  it('never allows more than burst plus rate times time, whatever the arrivals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        (gaps, perSecond, burst) => {
          const limiter = new RateLimiter({ perSecond, burst });
          let now = 0;
          let allowed = 0;
          for (const gap of gaps) {
            now += gap;
            if (limiter.take('k', now) === undefined) allowed++;
          }
          expect(allowed).toBeLessThanOrEqual(burst + (now / 1000) * perSecond + 1e-6);
        },
      ),
    );
  });
});
