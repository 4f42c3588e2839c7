import { onKeyFleet, STREAMS } from '../cluster/key-fleet.ts';
import type { Row } from '../row.ts';

const ROUNDS = 3;

export const row: Row = {
  id: 'K4',
  what: `revocation by annotation until the last of ${STREAMS} streams of that key is cut (real pods)`,
  unit: 's',
  must: 5,
  goal: 1,
  direction: '<=',
  peer: 'nothing',
  run: () =>
    onKeyFleet(async (fleet) => {
      const figures: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await fleet.stream();
        figures.push(await fleet.revoke());
      }
      return figures;
    }),
};
