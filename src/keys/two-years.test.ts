import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseTime } from '../kube/index.ts';
import { jitterOf } from './schedule/schedule.ts';
import { openingAfter } from './schedule/windows.ts';
import { DAY, HOUR, KeysWorld, trueInTheEnd } from './testing/world.ts';

const windows = [
  // The first has its turns in the hours that daylight saving takes and gives.
  [{ schedule: '0 1 * * 0', timeZone: 'Europe/Berlin', duration: 3 * HOUR }],
  [{ schedule: '30 2 * * *', timeZone: 'America/New_York', duration: HOUR }],
  [{ schedule: '0 22 1-7 * *', timeZone: 'Australia/Lord_Howe', duration: 6 * HOUR }],
  [],
];

it('changes keys once a period and in a window through two years, wherever the operator is started again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...windows),
      fc.stringMatching(/^[a-z]{3,8}$/),
      fc.array(fc.integer({ min: HOUR, max: 20 * DAY }), { minLength: 1, maxLength: 20 }),
      async (open, name, looks) => {
        const start = Date.parse('2026-11-30T00:00:00Z');
        const world = new KeysWorld({ name, start, policy: { windows: open } });
        world.startPod();
        await world.run(HOUR, HOUR);
        // An operator looks when it said it would; beside that it is started again at any time, and remembers nothing.
        for (let round = 0; world.now < start + 730 * DAY; round++) {
          const until = await world.work();
          const restart = world.now + (looks[round % looks.length] ?? DAY);
          world.advance(Math.max(1, Math.min(restart, until ?? restart) - world.now));
        }
        await world.run(2 * DAY, HOUR);
        trueInTheEnd(world);
        const created = world.written.flatMap(({ keys }) => keys.at(-1)?.creationTime ?? []);
        const times = [...new Set(created)].map((time) => parseTime(time) ?? 0);
        const rotations = times.slice(1);
        expect(
          world.record.keys.every(({ trigger }, index) => trigger === (index === 0 ? 'Initial' : 'Schedule')),
        ).toBe(true);
        for (const [index, time] of rotations.entries()) {
          const before = times[index] ?? 0;
          expect(time - before).toBeGreaterThanOrEqual(90 * DAY * 0.9 - 1000);
          // With a window a month the turn may be a month later.
          expect(time - before).toBeLessThanOrEqual(90 * DAY + (open.length > 0 ? 31 * DAY : 0) + HOUR);
          const opening = openingAfter(open, time);
          expect(open.length === 0 || (opening?.start ?? time + 1) <= time).toBe(true);
        }
        expect(rotations.length).toBeGreaterThanOrEqual(6);
        expect(jitterOf(world.holder)).toBeLessThan(1);
      },
    ),
    { numRuns: 12 },
  );
}, 600_000);
