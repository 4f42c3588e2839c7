import { describe, expect, it } from 'vitest';
import type { RotationPolicy } from './policy.ts';
import { isTimely, jitterOf, nextTurn, rotationTime } from './schedule.ts';
import { type MaintenanceWindow, openingAfter, windowProblem } from './windows.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(text);
const shown = (time: number | undefined) => time && new Date(time).toISOString();

const saturday: MaintenanceWindow = { schedule: '0 2 * * 6', timeZone: 'Europe/Berlin', duration: 4 * HOUR };
const policy = (more: Partial<RotationPolicy> = {}): RotationPolicy => {
  return { period: 90 * DAY, overlap: DAY, windows: [], deletionPolicy: 'Destroy', ...more };
};
const build = { namespace: 'team-a', name: 'build' };

describe('a maintenance window', () => {
  it.each([
    ['in summer', '2026-07-01T00:00:00Z', '2026-07-04T00:00:00.000Z'],
    ['in winter', '2026-12-01T00:00:00Z', '2026-12-05T01:00:00.000Z'],
    ['while it is open', '2026-12-05T04:00:00Z', '2026-12-05T01:00:00.000Z'],
    ['at the moment of its end', '2026-12-05T05:00:00Z', '2026-12-12T01:00:00.000Z'],
  ])('opens by the clock on the wall, %s', (_, from, opens) => {
    expect(shown(openingAfter([saturday], at(from))?.start)).toBe(opens);
  });

  it('that would open in the hour that a change to summer time leaves out opens right after it, once', () => {
    const sunday = { schedule: '30 2 * * 0', timeZone: 'Europe/Berlin', duration: HOUR };
    const opening = openingAfter([sunday], at('2027-03-27T12:00:00Z'));
    expect(shown(opening?.start)).toBe('2027-03-28T01:00:00.000Z');
    expect(shown(openingAfter([sunday], opening?.end ?? 0)?.start)).toBe('2027-04-04T00:30:00.000Z');
  });

  it('that would open in the hour that a change to winter time has twice opens in the first, once', () => {
    const sunday = { schedule: '30 2 * * 0', timeZone: 'Europe/Berlin', duration: 10 * 60_000 };
    const opening = openingAfter([sunday], at('2027-10-30T12:00:00Z'));
    expect(shown(opening?.start)).toBe('2027-10-31T00:30:00.000Z');
    expect(shown(openingAfter([sunday], opening?.end ?? 0)?.start)).toBe('2027-11-07T01:30:00.000Z');
  });

  it('of several is the one that opens first', () => {
    const daily = { schedule: '0 5 * * *', timeZone: 'America/New_York', duration: HOUR };
    expect(shown(openingAfter([saturday, daily], at('2026-12-01T00:00:00Z'))?.start)).toBe('2026-12-01T10:00:00.000Z');
  });

  it('that never opens, or is no schedule, is told in words', () => {
    const never = { ...saturday, schedule: '0 2 30 2 *' };
    expect(openingAfter([never], at('2026-12-01T00:00:00Z'))).toBeUndefined();
    expect(windowProblem(never)).toContain('never');
    for (const wrong of [
      { ...saturday, schedule: 'at night' },
      { ...saturday, timeZone: 'Mars/Olympus' },
    ]) {
      expect(windowProblem(wrong)).toBeDefined();
      expect(openingAfter([wrong], at('2026-12-01T00:00:00Z'))).toBeUndefined();
    }
    expect(windowProblem(saturday)).toBeUndefined();
  });
});

describe('the schedule', () => {
  const created = at('2026-11-30T00:00:00Z');

  it('is the same for one executor for ever, and spread among many, never later than the period', () => {
    const times = Array.from(
      { length: 1000 },
      (_, n) => rotationTime(created, policy(), { ...build, name: `e${n}` }) ?? 0,
    );
    expect(rotationTime(created, policy(), build)).toBe(rotationTime(created, policy(), build));
    expect(Math.max(...times)).toBeLessThanOrEqual(created + 90 * DAY);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(created + 81 * DAY);
    // Ten parts of the nine days: none holds more than twice its share.
    const parts = Array.from({ length: 10 }, (_, part) => {
      return times.filter((time) => Math.floor((time - created - 81 * DAY) / (0.9 * DAY)) === part).length;
    });
    expect(Math.max(...parts)).toBeLessThan(200);
  });

  it('has its turn in the first window after its period, spread over that too', () => {
    const within = policy({ windows: [saturday] });
    const time = rotationTime(created, within, build) ?? 0;
    const opening = openingAfter([saturday], time);
    expect(time - (opening?.start ?? 0)).toBe(Math.floor((4 * HOUR * 0.8 * jitterOf(build)) / 1000) * 1000);
    expect(isTimely(time, time, within, build)).toBe(true);
    expect(isTimely(time, time - 1, within, build)).toBe(false);
  });

  it('that missed its window waits for its turn in the next, and keeps to an open one whose turn has passed', () => {
    const within = policy({ windows: [saturday] });
    const time = rotationTime(created, within, build) ?? 0;
    const opening = openingAfter([saturday], time) ?? { start: 0, end: 0 };
    expect(isTimely(time, opening.end - 1, within, build)).toBe(true);
    expect(isTimely(time, opening.end, within, build)).toBe(false);
    const next = nextTurn(time, opening.end, within, build) ?? 0;
    expect(next).toBe(time + 7 * DAY);
    expect(isTimely(time, next, within, build)).toBe(true);
  });

  it('rotates once in a window however short the period is', () => {
    const within = policy({ period: 60_000, windows: [saturday] });
    const first = rotationTime(created, within, build) ?? 0;
    expect(rotationTime(first, within, build)).toBe(first + 7 * DAY);
  });
});
