import type { Outcome } from '../row.ts';

/** Ends a load with its outcome; what else `figures` hold is for whoever runs the load by hand. */
export async function end(figures: Outcome & Readonly<Record<string, unknown>>): Promise<never> {
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(figures)}\n`, () => resolve()));
  process.exit(0);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The value that `share` of all lie at or below. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Element by element. */
export function ratiosOf(ours: readonly number[], peer: readonly number[]): number[] {
  return ours.map((value, i) => value / (peer[i] ?? Number.NaN));
}
