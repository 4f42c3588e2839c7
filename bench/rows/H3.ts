import { handshake, parties } from '../handshakes.ts';
import { interleave, timed } from '../interleave.ts';
import { bareHybridOperations } from '../peers/bare-hybrid.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'H3',
  what: 'hybridIK handshakes a second, both sides',
  must: 0.4,
  goal: 0.6,
  direction: '>=',
  peer: 'its native floor: 10 DH and 2 + 3 + 3 KEM operations, bare',
  async run() {
    const by = parties();
    return interleave({ ours: timed(() => handshake(by)), peer: timed(bareHybridOperations()) });
  },
};
