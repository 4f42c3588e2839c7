import type { Row } from '../row.ts';
import { gapRounds } from '../storm/gap-rounds.ts';

/** Sessions that print all the time have no quiet moment: they are moved when this is over, and what is measured is how. Seconds. */
const DRAIN_SECONDS = 5;

export const row: Row = {
  id: 'S2',
  what: 'a relay is drained: silence of a session that went through it, p99; 100 of our client, our executors; all go on',
  unit: 's',
  must: 3,
  goal: 1,
  direction: '<=',
  peer: 'nothing: without recovery the session is over',
  run: () => gapRounds({ what: 'drained', blows: 4, drainSeconds: DRAIN_SECONDS, strike: (relay) => relay.drain() }),
};
