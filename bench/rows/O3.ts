import { applyFleet, BATCHES, FLEET } from '../cluster/fleet.ts';
import { onInstallation } from '../cluster/installation.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'O3',
  what: `${FLEET} Executors in ${BATCHES} waves, from apply to all children written: time of each wave`,
  must: 2,
  goal: 1.2,
  direction: '<=',
  peer: 'the first wave',
  run: () =>
    onInstallation({ operator: 'processes' }, async (installation) => {
      await installation.operator();
      const [first = 0, ...others] = await applyFleet(installation);
      return { ratios: others.map((seconds) => seconds / first) };
    }),
};
