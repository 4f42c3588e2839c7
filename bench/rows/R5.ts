import { onLoadCore } from '../relay/on-load-core.ts';
import { descriptorsMissing } from '../relay/processes.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R5',
  what: 'round trip of 1 KiB, 99th percentile, beside 10,000 idle harnesses and 500 executors',
  must: 1.5,
  goal: 1.1,
  direction: '<=',
  peer: 'the same relay without them',
  run: () => onLoadCore('round-trips', ['R5', '0.99'], { missing: descriptorsMissing(12_000) }),
};
