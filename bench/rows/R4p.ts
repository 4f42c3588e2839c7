import { nginxMissing } from '../relay/nginx.ts';
import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R4p',
  what: 'the same, 99th percentile',
  must: 2,
  goal: 1.5,
  direction: '<=',
  peer: 'nginx stream, which reads no frame',
  run: () => onLoadCore('round-trips', ['R4', '0.99'], { missing: nginxMissing() }),
};
