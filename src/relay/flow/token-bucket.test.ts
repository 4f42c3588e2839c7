import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('TokenBucket', () => {
  it('lets the burst through, then says how long to wait', () => {
    const clock = { now: () => 0 };
    const bucket = new TokenBucket({ perSecond: 1_000, burst: 500 }, 0);

    expect(bucket.take(500, clock)).toBe(0);
    expect(bucket.take(250, clock)).toBe(250);
  });

  it('lets through at most twice the burst, the rate, and one message, of a sender that waits as told', () => {
    const limits = { perSecond: 10_000, burst: 5_000 };
    const step = fc.record({ bytes: fc.integer({ min: 1, max: 4_000 }), idle: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
        let now = 0;
        let sent = 0;
        const bucket = new TokenBucket(limits, now);
        for (const { bytes, idle } of steps) {
          now += idle;
          sent += bytes;
          const pause = bucket.take(bytes, { now: () => now });
          expect(sent).toBeLessThanOrEqual(2 * limits.burst + ((now + pause) * limits.perSecond) / 1_000 + 4_000);
          now += pause;
        }
      }),
    );
  });

  it('gives one at a time where nothing goes on credit, and fills while nobody gets any', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 0);

    expect([0, 0, 0, 50].map((now) => bucket.tryOne(now))).toEqual([true, true, false, false]);
    expect([100, 100].map((now) => bucket.tryOne(now))).toEqual([true, false]);
  });
});
