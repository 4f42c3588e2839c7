import { UNDER_STREAMS, underRotations } from '../cluster/key-rotations.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'K1',
  what: `restarts of anything and connections made anew in ${UNDER_STREAMS}`,
  must: 0,
  goal: 0,
  direction: '<=',
  peer: 'nothing',
  run: () => underRotations(({ restarts }) => restarts),
};
