import { fork } from 'node:child_process';
import { once } from 'node:events';
import { networkProblem } from '../../test/scale/rig/network.ts';
import { Rig } from '../../test/scale/rig/rig.ts';
import { buildBundle } from '../product/bundle.ts';
import type { Row } from '../row.ts';
import type { StreamOrder } from '../storm/stream-process.ts';

const MIB = 1024 * 1024;
const ROUNDS = 5;
/** A second or more at the goal. */
const BYTES = 384 * MIB;

export const row: Row = {
  id: 'S4',
  what: 'output of one command, MiB/s as the reader gets it: exec-server, sidecar, relay and client, each a process',
  unit: ' MiB/s',
  must: 150,
  goal: 300,
  direction: '>=',
  peer: 'nothing: no other carries a command’s output end to end through a relay that cannot read it',
  async run() {
    const problem = networkProblem();
    if (problem !== undefined) return { unavailable: problem };
    const rig = await Rig.start({
      registries: 1,
      relays: 1,
      executors: 1,
      direct: true,
      program: buildBundle(),
      logLevel: 'warn',
    });
    try {
      const [executor] = rig.executors;
      if (executor === undefined) throw new Error('no executor');
      const order: StreamOrder = {
        environmentId: executor.id,
        registryUrl: rig.registryUrl,
        token: rig.files.clientToken(0),
        ...{ bytes: BYTES, rounds: ROUNDS },
      };
      return { ratios: await ratesOf(order) };
    } finally {
      await rig.stop();
    }
  },
};

async function ratesOf(order: StreamOrder): Promise<readonly number[]> {
  const child = fork(new URL('../storm/stream-process.ts', import.meta.url), { env: { PATH: process.env.PATH } });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the client ended with ${code}`);
  });
  child.send(order);
  const [rates] = (await Promise.race([once(child, 'message'), ended])) as [readonly number[]];
  ended.catch(() => {});
  return rates;
}
