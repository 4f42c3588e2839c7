import { type ChildProcess, spawn } from 'node:child_process';
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
/** Many and short: what else runs on the machine hits both sides of a ratio. */
const ROUNDS = 13;
/** Not counted. For half a minute V8 compiles what this takes, on the core of the relay, and streams wait for that. */
const WARM_ROUNDS = 9;
const HEALTHY = 8;
const [core = '0', ...abuses] = process.argv.slice(2);
const MEASURED_MS = 1_500;
/** Of the identity that abuses. Most are never used, since it has so many streams and no more. */
const TICKETS = 1_000;
/** The same ones are tried all along: one that has expired would be refused for that. */
const TICKET_SECONDS = 180;
/** Until what the abuser left open is gone. */
const PAUSE_MS = 500;
const fleet = await PlayedFleet.start(Number(core));
const executor = await fleet.executor();
const healthy = await SteadyStreams.open(fleet, executor, HEALTHY);
const abuser = await startAbuser(executor);

await rounds(WARM_ROUNDS);
const p99 = await rounds(ROUNDS);
await end({ ratios: ratiosOf(p99.beside, p99.alone), ...p99 });

async function rounds(count: number): Promise<{ readonly beside: number[]; readonly alone: number[] }> {
  const [beside, alone]: [number[], number[]] = [[], []];
  for (let round = 0; round < count; round += 1) {
    alone.push(await healthy.p99While(() => pause(MEASURED_MS)));
    abuser.send('on');
    beside.push(await healthy.p99While(() => pause(MEASURED_MS)));
    abuser.send('off');
    await pause(PAUSE_MS);
  }
  return { beside, alone };
}

async function startAbuser(abused: PlayedExecutor): Promise<ChildProcess> {
  const environmentId = parseEnvironmentId('default_hostile');
  const executorUrl = await fleet.executorUrl(executorTicket({ environmentId }));
  const harnessUrls = await Promise.all(
    Array.from({ length: TICKETS }, () => fleet.harnessUrl(abused, 'hostile', TICKET_SECONDS)),
  );
  const abuser = new URL('./abuser.ts', import.meta.url).pathname;
  // SCHED_IDLE, sched(7): the measuring process takes their core whenever it has something to do. A low priority would not do: its time slice is not cut short.
  const command = ['--idle', '0', process.execPath, abuser, executorUrl, ...abuses];
  const child = spawn('chrt', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  child.send(harnessUrls);
  return child;
}
