import { onLoadCore, STEADY } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R7h',
  what: 'the same beside half-open sockets and upgrade requests that never end, 300 a second',
  must: 3,
  goal: 1.5,
  direction: '<=',
  peer: 'the same without them',
  run: () => onLoadCore('abuse', ['unfinished'], STEADY),
};
