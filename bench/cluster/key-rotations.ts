import type { Outcome } from '../row.ts';
import { type KeyFleet, onKeyFleet, STREAMS } from './key-fleet.ts';

const ROUNDS = 3;
/** One after the other, twenty and one in all rounds. */
const ROTATIONS = 7;

/** For the rows that say so of what happens under them. */
export const UNDER_STREAMS = `${ROTATIONS} rotations in a row under ${STREAMS} streams (real pods)`;

/** What came of one round. */
export interface RotationsEnd {
  /** Containers and pods that were started, and connections that clients made anew. */
  readonly restarts: number;
  readonly lostBytes: number;
  /** Of the slowest rotation. Seconds. */
  readonly longest: number;
}

/** A figure of each round of rotations under streams. */
export function underRotations(figureOf: (end: RotationsEnd) => number): Promise<Outcome> {
  return onKeyFleet(async (fleet) => {
    const figures: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) figures.push(figureOf(await oneRound(fleet)));
    return figures;
  });
}

async function oneRound(fleet: KeyFleet): Promise<RotationsEnd> {
  await fleet.stream();
  const before = await fleet.lives();
  const took: number[] = [];
  for (let count = 0; count < ROTATIONS; count += 1) took.push(await fleet.rotate());
  const { reconnected, lostBytes } = await fleet.endStreams();
  const after = await fleet.lives();
  process.stderr.write(`  rotations: ${took.map((seconds) => seconds.toFixed(2)).join(', ')} s\n`);
  const started = after.filter((life) => !before.includes(life)).length;
  return { restarts: started + reconnected, lostBytes, longest: Math.max(...took) };
}
