import { onLoadCore, STEADY } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R7a',
  what: 'delay of 8 streams, 99th percentile, beside a thousand upgrades a second of one identity; all is delivered',
  must: 3,
  goal: 1.5,
  direction: '<=',
  peer: 'the same without them',
  run: () => onLoadCore('abuse', ['upgrades'], STEADY),
};
