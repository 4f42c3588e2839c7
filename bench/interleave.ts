import type { Outcome } from './row.ts';

/** Does the work `times` times and says how many seconds of it count. */
export type Work = (times: number) => number | Promise<number>;

export interface Contest {
  readonly ours: Work;
  readonly peer: Work;
  /** `rate`: how often ours for once the peer's. `time`: the inverse, how long ours for the peer's second. */
  readonly ratio?: 'rate' | 'time';
  readonly rounds?: number;
  /** Of each side in each turn, about. */
  readonly seconds?: number;
}

/** In each round. Short turns, many of them: whatever else runs on the machine hits both sides alike. */
const TURNS = 10;

/** Rounds of turns, ours and the peer's, after each side has run long enough for the compiler. */
export async function interleave({
  ours,
  peer,
  ratio = 'rate',
  rounds = 5,
  seconds = 0.04,
}: Contest): Promise<Outcome> {
  const [mine, theirs] = [await calibrated(ours, seconds), await calibrated(peer, seconds)];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let [ourTime, peerTime] = [0, 0];
    for (let turn = 0; turn < TURNS; turn++) {
      ourTime += await mine();
      peerTime += await theirs();
    }
    ratios.push(ratio === 'rate' ? peerTime / ourTime : ourTime / peerTime);
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

/** Warms up, finds how many repetitions fill a turn, and returns a measurement in seconds for one repetition. */
async function calibrated(work: Work, seconds: number): Promise<() => Promise<number>> {
  const warm = performance.now() + WARM_UP_MS;
  let times = 1;
  let took = await work(times);
  while (took < seconds / 2 || performance.now() < warm) {
    if (took < seconds / 2) times *= 2;
    took = await work(times);
  }
  const fitting = Math.max(1, Math.round((times * seconds) / took));
  return async () => (await work(fitting)) / fitting;
}

const WARM_UP_MS = 500;
