import { onLoadCore } from '../relay/on-load-core.ts';
import { descriptorsMissing } from '../relay/processes.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R10',
  what: 'a relay with 5,000 harnesses and 500 executors killed, until all are back at a new one',
  unit: 's',
  must: 10,
  goal: 5,
  direction: '<=',
  peer: 'none: 0 if it had stayed',
  run: () => onLoadCore('storm', [], { missing: descriptorsMissing(6_000) }),
};
