import { nobleCrypto } from '../../src/noise/crypto/noble-crypto.ts';
import { handshake, parties } from '../handshakes.ts';
import { interleave, timed } from '../interleave.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'H4',
  what: 'hybridIK handshakes a second by node:crypto',
  must: 8,
  goal: 11,
  direction: '>=',
  peer: 'the same framework by noble alone',
  async run() {
    const [native, noble] = [parties(), parties(nobleCrypto)];
    return interleave({ ours: timed(() => handshake(native)), peer: timed(() => handshake(noble)) });
  },
};
