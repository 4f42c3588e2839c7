import { onLoadCore, STEADY } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R7',
  what: 'delay of 8 streams, 99th percentile, beside one stuck harness until that is cut; all is delivered',
  must: 3,
  goal: 1.5,
  direction: '<=',
  peer: 'the same without it',
  run: () => onLoadCore('stuck', ['1'], STEADY),
};
