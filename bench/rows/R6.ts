import { nginxMissing } from '../relay/nginx.ts';
import { onLoadCore } from '../relay/on-load-core.ts';
import { descriptorsMissing } from '../relay/processes.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'R6',
  what: 'memory of an idle harness, of 10,000 on a relay with 500 executors',
  must: 1.2,
  goal: 0.6,
  direction: '<=',
  peer: 'nginx http, which proxies WebSockets',
  run: () => onLoadCore('idle', [], { missing: nginxMissing() ?? descriptorsMissing(14_000) }),
};
