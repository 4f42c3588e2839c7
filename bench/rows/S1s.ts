import type { Row } from '../row.ts';
import { gapRounds } from '../storm/gap-rounds.ts';

export const row: Row = {
  id: 'S1s',
  what: 'the packets of a relay are dropped: silence of a session that went through it, p99; our client, our executors; all resume',
  unit: 's',
  must: 15,
  goal: 12,
  direction: '<=',
  peer: 'nothing: without recovery the session is over; 10 s of it are the silence that is waited for',
  run: () =>
    gapRounds({
      what: 'silent',
      blows: 4,
      strike: async (relay) => relay.loseSilently(),
    }),
};
