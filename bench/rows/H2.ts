import { handshake, parties } from '../handshakes.ts';
import { interleave, timed } from '../interleave.ts';
import { tlsHandshakes } from '../peers/tls.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'H2',
  what: 'hybridIK handshakes a second, both sides',
  must: 0.8,
  goal: 1.1,
  direction: '>=',
  peer: 'node:tls 1.3, mutual, X25519MLKEM768',
  async run() {
    const by = parties();
    const tls = await tlsHandshakes();
    try {
      return await interleave({ ours: timed(() => handshake(by)), peer: tls.work });
    } finally {
      tls.close();
    }
  },
};
