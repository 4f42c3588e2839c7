import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R3',
  what: 'processor time for a message of 1 KiB, 16 harnesses to one executor',
  must: 0.6,
  goal: 0.35,
  direction: '<=',
  peer: 'a plain forwarder made of ws',
  run: () => onLoadCore('throughput', ['R3']),
};
