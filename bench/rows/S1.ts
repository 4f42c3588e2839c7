import type { Row } from '../row.ts';
import { gapRounds } from '../storm/gap-rounds.ts';

export const row: Row = {
  id: 'S1',
  what: 'a relay is killed: silence of a session that went through it, p99; 100 of our client, our executors; all resume',
  unit: 's',
  must: 5,
  goal: 3,
  direction: '<=',
  peer: 'nothing: without recovery the session is over',
  run: () => gapRounds({ what: 'killed', blows: 10, strike: (relay) => relay.kill() }),
};
