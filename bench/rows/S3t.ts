import { bareNodeSeconds } from '../product/bare-node.ts';
import { onControlPlane } from '../product/control-plane.ts';
import type { Row } from '../row.ts';

const STARTS = 9;

export const row: Row = {
  id: 'S3t',
  what: 'start of an executor sidecar until it is ready: registered, on a relay, keys loaded',
  unit: 's',
  must: 1,
  goal: 0.4,
  direction: '<=',
  peer: `nothing: a Node that does nothing takes ${bareNodeSeconds().toFixed(2)} s here`,
  run: () =>
    onControlPlane(async (plane) => {
      const ratios: number[] = [];
      for (let start = 0; start < STARTS; start++) {
        const sidecar = await plane.executor();
        ratios.push((await sidecar.ready()) / 1000);
        await sidecar.stop();
      }
      return { ratios };
    }),
};
