import { onInstallation } from '../cluster/installation.ts';
import { bareNodeSeconds } from '../product/bare-node.ts';
import type { Row } from '../row.ts';

const STARTS = 7;

export const row: Row = {
  id: 'O6',
  what: 'start of an operator until it is ready: our kinds read from the API server',
  unit: 's',
  must: 2,
  goal: 1.5,
  direction: '<=',
  peer: `nothing: a Node that does nothing takes ${bareNodeSeconds().toFixed(2)} s here`,
  run: () =>
    onInstallation({ operator: 'processes' }, async (installation) => {
      const ratios: number[] = [];
      for (let start = 0; start < STARTS; start++) {
        const operator = await installation.operator();
        ratios.push((await operator.ready()) / 1000);
        await operator.stop();
      }
      return { ratios };
    }),
};
