import type { z } from 'zod';
import { text } from './fields.ts';
import { celText, ruled } from './rules.ts';

/** GEP-2257: one to four parts of up to five digits and a unit; no sign, no fraction, no spaces. */
const GEP_2257 = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;
const UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** A duration as Kubernetes' Gateway API writes it: `2160h`, `1h30m`, `500ms`. Parts of one unit add up. */
export type Duration = string & z.BRAND<'Duration'>;

/** What four parts of five digits can hold with hours first: the largest value that has a canonical form. */
export const MAX_DURATION_MS = 99_999 * 3_600_000 + 59 * 60_000 + 59 * 1000 + 999;

export interface DurationBounds {
  readonly least: string;
  readonly most: string;
}

/** Four parts of five digits and the longest unit. */
const MAX_DURATION_LENGTH = 28;

/** A duration field with bounds. The bounds are durations themselves, so that the message can quote them. */
export function durationBetween({ least, most }: DurationBounds) {
  const [from, to] = [toMilliseconds(least), toMilliseconds(most)];
  const message = `must be a duration from ${least} to ${most}, such as 24h or 1h30m`;
  const bounded = ruled(text({ max: MAX_DURATION_LENGTH, message }), {
    message,
    // The pattern first: CEL's own durations know signs, fractions and nanoseconds.
    cel: [
      `self.matches(${celText(GEP_2257.source)})`,
      `duration(self) >= duration('${least}') && duration(self) <= duration('${most}')`,
    ].join(' && '),
    holds: (value) => isDuration(value) && toMilliseconds(value) >= from && toMilliseconds(value) <= to,
  });
  return bounded.brand<'Duration'>();
}

export function isDuration(text: string): boolean {
  return GEP_2257.test(text);
}

/** Milliseconds of a duration. Throws a RangeError on anything that is not GEP-2257. */
export function toMilliseconds(duration: string): number {
  if (!isDuration(duration))
    throw new RangeError(`not a duration (GEP-2257): ${JSON.stringify(duration.slice(0, 40))}`);
  let sum = 0;
  for (const [, digits, unit] of duration.matchAll(/([0-9]+)(ms|h|m|s)/g)) {
    sum += Number(digits) * (UNITS.find(([name]) => name === unit)?.[1] ?? 0);
  }
  return sum;
}

/** The canonical form: largest unit first, zero parts left out, `0s` for nothing. Takes 0 … MAX_DURATION_MS. */
export function formatDuration(milliseconds: number): string {
  if (!Number.isInteger(milliseconds) || milliseconds < 0 || milliseconds > MAX_DURATION_MS) {
    throw new RangeError(`not a whole number of milliseconds that a duration can hold: ${milliseconds}`);
  }
  let rest = milliseconds;
  const parts = UNITS.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('') || '0s';
}
