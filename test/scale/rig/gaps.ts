import type { Gap, Transition } from './messages.ts';

/** One thing that was done to the product, by the machine's clock. */
export interface Blow {
  readonly what: string;
  readonly at: number;
}

export interface Hit extends Blow {
  readonly id: number;
  /** How long the session heard nothing. */
  readonly milliseconds: number;
}

/** Output that came before a connection was lost may be read only after the client said that it was lost. Milliseconds. */
const READ_LATE_MS = 200;

/** Each session that lost its connection after a blow and before the next one, and the silence in which it did. */
export function hitsOf(
  blows: readonly Blow[],
  gaps: readonly Gap[],
  transitions: readonly Transition[],
): readonly Hit[] {
  return blows.flatMap((blow, index) => {
    const until = blows[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const lost = transitions.filter(({ event, at }) => event === 'disconnected' && at >= blow.at && at < until);
    return [...new Set(lost.map(({ id }) => id))].map((id) => {
      const times = lost.filter((each) => each.id === id).map(({ at }) => at);
      const silences = gaps.filter((gap) => gap.id === id && times.some((at) => isIn(gap, at)));
      return { ...blow, id, milliseconds: Math.max(0, ...silences.map(({ milliseconds }) => milliseconds)) };
    });
  });
}

function isIn({ from, milliseconds }: Gap, at: number): boolean {
  return from - READ_LATE_MS <= at && at <= from + milliseconds;
}

/** The smallest value that a share of all does not exceed: `percentile(values, 0.99)`. 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** `24 hit: p50 180 ms, p99 900 ms, most 910 ms` */
export function describeHits(hits: readonly Hit[]): string {
  const times = hits.map(({ milliseconds }) => milliseconds);
  const [middle, high, most] = [0.5, 0.99, 1].map((share) => percentile(times, share));
  return `${hits.length} hit: p50 ${middle} ms, p99 ${high} ms, most ${most} ms`;
}
