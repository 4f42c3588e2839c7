import { setTimeout as delay } from 'node:timers/promises';
import { bareNodeMegabytes } from '../product/bare-node.ts';
import { onControlPlane } from '../product/control-plane.ts';
import type { Row } from '../row.ts';

const STARTS = 3;

/** A kubelet asks about every two seconds, for as long as a sidecar lives: here it has asked for five minutes when the memory is read. */
const PROBES = 150;
const BETWEEN_PROBES_MS = 30;

export const row: Row = {
  id: 'S3',
  what: 'resident memory of an idle executor sidecar, after five minutes of probes',
  unit: 'MB',
  must: 80,
  goal: 60,
  direction: '<=',
  peer: `nothing: a Node that does nothing has ${bareNodeMegabytes().toFixed(0)} MB here`,
  run: () =>
    onControlPlane(async (plane) => {
      const ratios: number[] = [];
      for (let start = 0; start < STARTS; start++) {
        const sidecar = await plane.executor();
        await sidecar.ready();
        for (let probe = 0; probe < PROBES; probe++) {
          await sidecar.ask('/readyz');
          await delay(BETWEEN_PROBES_MS);
        }
        ratios.push(sidecar.residentMegabytes());
        await sidecar.stop();
      }
      return { ratios };
    }),
};
