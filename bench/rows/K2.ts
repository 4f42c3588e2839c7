import { UNDER_STREAMS, underRotations } from '../cluster/key-rotations.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'K2',
  what: `bytes lost or changed, both ways, in ${UNDER_STREAMS}`,
  unit: ' B',
  must: 0,
  goal: 0,
  direction: '<=',
  peer: 'nothing',
  run: () => underRotations(({ lostBytes }) => lostBytes),
};
