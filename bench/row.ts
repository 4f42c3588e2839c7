/**
 * One figure of docs/performance.md: a ratio to a peer that is measured in the same run, turn by turn. Where nothing is a fair peer it is a
 * figure with a unit, and the peer says what it would be without us.
 */
export interface Row {
  readonly id: string;
  readonly what: string;
  readonly unit?: 'MB' | ' B' | ' MiB' | 's' | '/min' | ' MiB/s';
  readonly must: number;
  readonly goal: number;
  /** `>=`: more is better. */
  readonly direction: '>=' | '<=';
  readonly peer: string;
  run(): Promise<Outcome>;
}

/** The ratio (or the figure, in `unit`) of each round, at least three; or why the peer or the setting cannot be had here. */
export type Outcome = { readonly ratios: readonly number[] } | { readonly unavailable: string };

export interface Result {
  readonly id: string;
  /** The median; null when the peer cannot be had here. */
  readonly value: number | null;
  /** (largest − smallest) / median; 0 where all are 0. */
  readonly spread: number | null;
  /** How many rounds. */
  readonly runs: number;
  readonly must: number;
  readonly goal: number;
  /** `must` is met; null when there is no value. */
  readonly ok: boolean | null;
  readonly peer: string;
  readonly reason?: string;
}

/** Fewer rounds say nothing on a machine that others use too. */
const LEAST_ROUNDS = 3;

export function resultOf(row: Row, outcome: Outcome): Result {
  const { id, must, goal, peer } = row;
  if ('unavailable' in outcome) {
    return { id, value: null, spread: null, runs: 0, must, goal, ok: null, peer, reason: outcome.unavailable };
  }
  const sorted = outcome.ratios.toSorted((a, b) => a - b);
  if (sorted.length < LEAST_ROUNDS)
    throw new Error(`${id}: ${sorted.length} rounds, at least ${LEAST_ROUNDS} are needed`);
  const value = median(sorted);
  const width = (sorted.at(-1) ?? value) - (sorted[0] ?? value);
  const spread = width === 0 ? 0 : width / value;
  return { id, value, spread, runs: sorted.length, must, goal, ok: meets(row, value, must), peer };
}

export function meets({ direction }: Pick<Row, 'direction'>, value: number, bound: number): boolean {
  return direction === '>=' ? value >= bound : value <= bound;
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}
