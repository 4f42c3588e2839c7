import { setTimeout as delay } from 'node:timers/promises';
import { bareNodeMegabytes } from '../product/bare-node.ts';
import { onControlPlane } from '../product/control-plane.ts';
import type { Row } from '../row.ts';

const STARTS = 3;

/** What a start leaves to do is done by then. Milliseconds. */
const IDLE_MS = 5000;

export const row: Row = {
  id: 'S3',
  what: 'resident memory of an idle executor sidecar',
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
        await delay(IDLE_MS);
        ratios.push(sidecar.residentMegabytes());
        await sidecar.stop();
      }
      return { ratios };
    }),
};
