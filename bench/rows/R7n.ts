import { onLoadCore, STEADY } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R7n',
  what: 'the same beside 25 MB a second of frames of 256 KiB to nowhere',
  must: 3,
  goal: 1.5,
  direction: '<=',
  peer: 'the same without them',
  run: () => onLoadCore('abuse', ['nowhere'], STEADY),
};
