import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R8',
  what: 'growth of the relay by one message of 64 MiB to a harness that reads 60 MB/s; it arrives',
  unit: ' MiB',
  must: 160,
  goal: 90,
  direction: '<=',
  peer: 'none: 0 if the relay kept nothing',
  run: () => onLoadCore('large-message'),
};
