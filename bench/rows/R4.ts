import { nginxMissing } from '../relay/nginx.ts';
import { onLoadCore } from '../relay/on-load-core.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R4',
  what: 'round trip of 1 KiB between a harness and its executor, median',
  must: 1.25,
  goal: 1.1,
  direction: '<=',
  peer: 'nginx stream, which reads no frame',
  run: () => onLoadCore('round-trips', ['R4', '0.5'], { missing: nginxMissing() }),
};
