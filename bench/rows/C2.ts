import { interleave } from '../interleave.ts';
import { bareGcmRecords } from '../peers/bare-gcm.ts';
import { ourRecords } from '../records.ts';
import type { Row } from '../row.ts';

const SIZE = 61_440;

export const row: Row = {
  id: 'C2',
  what: 'records of 60 KiB sealed and opened a second',
  must: 0.8,
  goal: 0.95,
  direction: '>=',
  peer: 'createCipheriv + createDecipheriv, AES-256-GCM, bare',
  async run() {
    return interleave({ ours: ourRecords(SIZE), peer: bareGcmRecords(SIZE) });
  },
};
