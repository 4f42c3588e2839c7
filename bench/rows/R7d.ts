import { onLoadCore, STEADY } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R7d',
  what: 'the same beside a dozen stuck harnesses',
  must: 3,
  goal: 1.5,
  direction: '<=',
  peer: 'the same without them',
  run: () => onLoadCore('stuck', ['12'], STEADY),
};
