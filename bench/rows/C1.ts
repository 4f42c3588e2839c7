import { interleave } from '../interleave.ts';
import { libp2pRecords } from '../peers/libp2p-noise.ts';
import { ourRecords } from '../records.ts';
import type { Row } from '../row.ts';

const SIZE = 61_440;

export const row: Row = {
  id: 'C1',
  what: 'records of 60 KiB sealed and opened a second',
  must: 1.1,
  goal: 1.5,
  direction: '>=',
  peer: '@chainsafe/libp2p-noise',
  async run() {
    return interleave({ ours: ourRecords(SIZE), peer: await libp2pRecords(SIZE) });
  },
};
