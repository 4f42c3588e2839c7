import { interleave } from '../interleave.ts';
import { libp2pRecords } from '../peers/libp2p-noise.ts';
import { ourRecords } from '../records.ts';
import type { Row } from '../row.ts';

const SIZE = 1024;

export const row: Row = {
  id: 'C3',
  what: 'records of 1 KiB sealed and opened a second',
  must: 1.5,
  goal: 2.2,
  direction: '>=',
  peer: '@chainsafe/libp2p-noise',
  async run() {
    return interleave({ ours: ourRecords(SIZE), peer: await libp2pRecords(SIZE) });
  },
};
