import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { Alarms } from './alarms.ts';
import { backoff } from './backoff.ts';
import { WorkQueue } from './work-queue.ts';

const DAY_MS = 86_400_000;

describe('backoff', () => {
  it('doubles, is capped, and is stretched by at most a half, after however many failures', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const pause = backoff(failures, () => random, { firstMs: 100, maxMs: 5_000 });
          const least = Math.min(5_000, 100 * 2 ** Math.min(failures - 1, 60));
          expect(pause).toBeGreaterThanOrEqual(least);
          expect(pause).toBeLessThanOrEqual(least * 1.5);
        },
      ),
    );
  });
});

describe('Alarms', () => {
  it('rings once, 90 days later, with no timer longer than an hour', () => {
    const clock = new ManualClock();
    const rung: number[] = [];
    const alarms = new Alarms<string>(clock, () => rung.push(clock.now()));
    const at = clock.now() + 90 * DAY_MS;

    alarms.set('rotate', at);
    clock.advance(60_000);
    expect(rung).toEqual([]);
    clock.advance(100 * DAY_MS);

    expect(rung).toEqual([at]);
  });

  it('rings every key at the earliest time that it was given, in order', () => {
    const times = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 20 * 3_600_000 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(times, (given) => {
        const clock = new ManualClock(0);
        const rung: [number, number][] = [];
        const alarms = new Alarms<number>(clock, (key) => rung.push([key, clock.now()]));
        for (const [key, at] of given) alarms.set(key, at);
        const earliest = new Map<number, number>();
        for (const [key, at] of given) earliest.set(key, Math.min(at, earliest.get(key) ?? Number.POSITIVE_INFINITY));

        clock.advance(21 * 3_600_000);

        expect(new Map(rung)).toEqual(earliest);
        expect(rung).toHaveLength(earliest.size);
        expect(rung.map(([, at]) => at)).toEqual([...earliest.values()].sort((a, b) => a - b));
        expect(clock.armed).toBe(0);
      }),
    );
  });
});

describe('WorkQueue', () => {
  const queueOf = (clock = new ManualClock()) =>
    new WorkQueue<string>({ clock, random: () => 0, retry: { firstMs: 1_000 } });

  it('hands out a key once, however often it was added', async () => {
    const queue = queueOf();
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);

    expect([await queue.take(), await queue.take(), queue.length]).toEqual(['a', 'b', 0]);
  });

  it('keeps a key that is added while it is worked on, until it is done', async () => {
    const queue = queueOf();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);

    queue.done('a');

    expect(queue.length).toBe(1);
  });

  it('gives a waiting taker the next key, and undefined when it closes', async () => {
    const queue = queueOf();
    const [first, second] = [queue.take(), queue.take()];
    queue.add('a');
    expect(await first).toBe('a');

    queue.close();

    expect(await second).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
  });

  it('brings back a failed key after growing pauses, and at once after it was forgotten', async () => {
    const clock = new ManualClock();
    const queue = queueOf(clock);
    const pauses: number[] = [];
    for (let failures = 0; failures < 3; failures++) {
      const failedAt = clock.now();
      queue.addAfterFailure('a');
      const taken = queue.take();
      clock.advance(3_600_000);
      await taken;
      queue.done('a');
      pauses.push((queue.oldestStart ?? 0) - failedAt);
    }
    expect(queue.failures('a')).toBe(3);

    queue.forgetFailures('a');

    expect(queue.failures('a')).toBe(0);
    expect(pauses).toHaveLength(3);
  });

  it('never loses a key, never hands one to two workers, whatever the order of calls', async () => {
    const steps = fc.array(
      fc.tuple(fc.constantFrom('add', 'take', 'done', 'fail', 'wait'), fc.constantFrom('a', 'b', 'c')),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (calls) => {
        const clock = new ManualClock();
        const queue = queueOf(clock);
        const working = new Set<string>();
        const owed = new Set<string>();
        for (const [call, key] of calls) {
          if (call === 'add') {
            queue.add(key);
            owed.add(key);
          } else if (call === 'take' && queue.length > 0) {
            const taken = (await queue.take()) ?? '';
            expect(working.has(taken)).toBe(false);
            working.add(taken);
            owed.delete(taken);
          } else if (call === 'done' && working.delete(key)) queue.done(key);
          else if (call === 'fail' && working.has(key)) {
            queue.addAfterFailure(key);
            owed.add(key);
          } else if (call === 'wait') clock.advance(10_000);
        }
        for (const key of working) queue.done(key);
        clock.advance(3_600_000);
        const left = new Set<string>();
        while (queue.length > 0) left.add((await queue.take()) ?? '');
        expect(left).toEqual(owed);
      }),
    );
  });
});
