import { handshake, parties } from '../handshakes.ts';
import { interleave, timed } from '../interleave.ts';
import { loadLibp2pNoise } from '../peers/libp2p-noise.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'H1',
  what: 'hybridIK handshakes a second, both sides',
  must: 1.3,
  goal: 2.0,
  direction: '>=',
  peer: '@chainsafe/libp2p-noise, full XX',
  async run() {
    const by = parties();
    const libp2p = await loadLibp2pNoise();
    const peer = async (times: number) => {
      const start = performance.now();
      for (let done = 0; done < times; done++) await libp2p.handshake();
      return (performance.now() - start) / 1000;
    };
    return interleave({ ours: timed(() => handshake(by)), peer });
  },
};
