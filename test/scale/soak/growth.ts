/** One look at one figure of one process. */
export interface Sample {
  /** Milliseconds of any clock. */
  readonly at: number;
  readonly value: number;
}

const HOUR_MS = 3_600_000;

/**
 * Growth per hour: the median of the slopes between all pairs of looks (Theil and Sen). A collection of garbage here and a burst there do not
 * move it, as long as fewer than a third of the looks are such.
 */
export function growthPerHour(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((later, index) =>
    samples.slice(0, index).map((sooner) => ((later.value - sooner.value) / (later.at - sooner.at)) * HOUR_MS),
  );
  return medianOf(slopes);
}

/** What it grew by, in the time that was looked at, by that slope. */
export function growthMeasured(samples: readonly Sample[]): number {
  const [first] = samples;
  const last = samples.at(-1);
  return first === undefined || last === undefined ? 0 : (growthPerHour(samples) * (last.at - first.at)) / HOUR_MS;
}

/** 0 of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  const high = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return (low + high) / 2;
}
