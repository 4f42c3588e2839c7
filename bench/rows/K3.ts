import { UNDER_STREAMS, underRotations } from '../cluster/key-rotations.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'K3',
  what: `annotation until the new key is Active and a new harness was given it: the slowest of ${UNDER_STREAMS}`,
  unit: 's',
  must: 10,
  goal: 3,
  direction: '<=',
  peer: 'nothing',
  run: () => underRotations(({ longest }) => longest),
};
