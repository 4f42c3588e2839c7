import { nginxMissing } from '../relay/nginx.ts';
import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R2',
  what: 'messages of 64 KiB a second, executor to one harness',
  must: 0.35,
  goal: 0.8,
  direction: '>=',
  peer: 'nginx stream, which reads no frame',
  run: () => onLoadCore('throughput', ['R2'], { missing: nginxMissing() }),
};
