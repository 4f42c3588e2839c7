import { nginxMissing } from '../relay/nginx.ts';
import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R1',
  what: 'messages of 1 KiB a second, 16 harnesses to one executor',
  must: 0.25,
  goal: 0.6,
  direction: '>=',
  peer: 'nginx stream, which reads no frame',
  run: () => onLoadCore('throughput', ['R1'], { missing: nginxMissing() }),
};
