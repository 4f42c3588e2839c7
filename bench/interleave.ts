import type { Outcome } from './row.ts';

/** Does the work `times` times and says how many seconds of it count. */
export type Work = (times: number) => number | Promise<number>;

export interface Contest {
  readonly ours: Work;
  readonly peer: Work;
  /** `rate`: how often ours for once the peer's. `time`: the inverse, how long ours for the peer's second. */
  readonly ratio?: 'rate' | 'time';
  readonly rounds?: number;
  /** Of each side in each round, about. */
  readonly seconds?: number;
}

/** Rounds of ours, then the peer's, so that a noisy neighbour hits both; one round of each before, for the compiler. */
export async function interleave({
  ours,
  peer,
  ratio = 'rate',
  rounds = 7,
  seconds = 0.25,
}: Contest): Promise<Outcome> {
  const sides = [await calibrated(ours, seconds), await calibrated(peer, seconds)] as const;
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [mine, theirs] = [await sides[0](), await sides[1]()];
    ratios.push(ratio === 'rate' ? mine / theirs : theirs / mine);
  }
  return { ratios };
}

/** Repeats a synchronous operation; all of its time counts. */
export function timed(operation: () => unknown): Work {
  return (times) => {
    const start = performance.now();
    for (let done = 0; done < times; done++) operation();
    return (performance.now() - start) / 1000;
  };
}

/** Warms up, finds how many repetitions fill the time, and returns a measurement in operations a second. */
async function calibrated(work: Work, seconds: number): Promise<() => Promise<number>> {
  let times = 1;
  let took = await work(times);
  while (took < seconds / 4) {
    times *= 2;
    took = await work(times);
  }
  const fitting = Math.max(1, Math.round((times * seconds) / took));
  return async () => fitting / (await work(fitting));
}
