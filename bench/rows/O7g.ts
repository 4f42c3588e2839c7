import { handOver } from '../cluster/hand-over.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'O7g',
  what: 'operator that leads is asked to stop: until another one has reconciled',
  unit: 's',
  must: 2,
  goal: 1,
  direction: '<=',
  peer: 'nothing: the others look at the Lease every 0.8 s',
  run: () => handOver('SIGTERM'),
};
