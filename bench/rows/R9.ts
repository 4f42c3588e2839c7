import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R9',
  what: 'share of a small stream beside a flooding harness, toward the executor',
  must: 0.3,
  goal: 0.45,
  direction: '>=',
  peer: 'none: 0.5 is an equal share',
  run: () => onLoadCore('fair-share'),
};
