import { setTimeout as delay } from 'node:timers/promises';
import { applyFleet, FLEET } from '../cluster/fleet.ts';
import { onInstallation } from '../cluster/installation.ts';
import type { Row } from '../row.ts';

const LOOKS = 3;
const BETWEEN_LOOKS_MS = 10_000;

export const row: Row = {
  id: 'O4',
  what: `resident memory of an operator with ${FLEET} Executors, all their children written`,
  unit: 'MB',
  must: 250,
  goal: 150,
  direction: '<=',
  peer: 'nothing',
  run: () =>
    onInstallation({ operator: 'processes' }, async (installation) => {
      const operator = await installation.operator();
      await applyFleet(installation);
      const ratios: number[] = [];
      for (let look = 0; look < LOOKS; look++) {
        await delay(BETWEEN_LOOKS_MS);
        ratios.push(operator.residentMegabytes());
      }
      return { ratios };
    }),
};
