import { onInstallation } from '../cluster/installation.ts';
import { CAMPAIGN, rotateFleet } from '../cluster/key-campaign.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'K5',
  what: `${CAMPAIGN} Executors rotated by one command, until each new key serves (played pods)`,
  unit: 's',
  must: 900,
  goal: 300,
  direction: '<=',
  peer: 'nothing',
  run: () => onInstallation({ operator: 'processes' }, rotateFleet),
};
