import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { executorTicket } from '../../../src/relay/testing/fleet.ts';
import { parseEnvironmentId } from '../../../src/wire/index.ts';
import { end, pause, ratiosOf } from '../outcome.ts';
import { type PlayedExecutor, PlayedFleet } from '../played-fleet.ts';
import { SteadyStreams } from '../steady-streams.ts';

/**
 * The load of rows R7a, R7h and R7n: eight steady streams as in R7, without anybody else and while others abuse the relay. Arguments: the relay's
 * core, and the kinds of abuse (`abuser.ts`); all of them unless given.
 */
/** Many and short: what else runs on the machine hits both sides of a ratio. All within the life of a ticket. */
const ROUNDS = 13;
const HEALTHY = 8;
const [core = '0', ...abuses] = process.argv.slice(2);
const WARM_MS = 2_000;
const MEASURED_MS = 1_500;
/** Of the identity that abuses. Most are never used, since it has so many streams and no more. */
const TICKETS = 1_000;
/** Until what the abuser left open is gone. */
const PAUSE_MS = 500;
const fleet = await PlayedFleet.start(Number(core));
const executor = await fleet.executor();
const healthy = await SteadyStreams.open(fleet, executor, HEALTHY);
const abuser = await startAbuser(executor);

await healthy.p99While(() => pause(WARM_MS));
await p99Beside(WARM_MS);
const p99: { beside: number[]; alone: number[] } = { beside: [], alone: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  p99.alone.push(await healthy.p99While(() => pause(MEASURED_MS)));
  p99.beside.push(await p99Beside(MEASURED_MS));
}
await end({ ratios: ratiosOf(p99.beside, p99.alone), ...p99 });

async function p99Beside(milliseconds: number): Promise<number> {
  abuser.send('on');
  const value = await healthy.p99While(() => pause(milliseconds));
  abuser.send('off');
  await pause(PAUSE_MS);
  return value;
}

async function startAbuser(abused: PlayedExecutor): Promise<ChildProcess> {
  const environmentId = parseEnvironmentId('default_hostile');
  const executorUrl = await fleet.executorUrl(executorTicket({ environmentId }));
  const harnessUrls = await Promise.all(Array.from({ length: TICKETS }, () => fleet.harnessUrl(abused, 'hostile')));
  const child = fork(new URL('./abuser.ts', import.meta.url), [executorUrl, ...abuses]);
  await once(child, 'message');
  child.send(harnessUrls);
  return child;
}
