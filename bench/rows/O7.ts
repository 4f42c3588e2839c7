import { handOver } from '../cluster/hand-over.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'O7',
  what: 'operator that leads is killed: until another one has reconciled',
  unit: 's',
  must: 20,
  goal: 16,
  direction: '<=',
  peer: 'nothing: the Lease lasts 13 s',
  run: () => handOver('SIGKILL'),
};
