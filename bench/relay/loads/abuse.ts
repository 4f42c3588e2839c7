import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { executorTicket } from '../../../src/relay/testing/fleet.ts';
import { encodeFrame, parseEnvironmentId } from '../../../src/wire/index.ts';
import { maskedMessage } from '../load.ts';
import { end, pause, percentile, ratiosOf } from '../outcome.ts';
import { type PlayedExecutor, PlayedFleet } from '../played-fleet.ts';

/**
 * The load of row R7a: one stream takes a message of 1 KiB every 2 ms, without anybody else and while others abuse the relay: a thousand
 * upgrades a second of one identity, half-open sockets, upgrade requests that never end, and frames of 256 KiB for streams that nobody
 * has. The stream must get every message, in order; measured is its delay.
 */
const ROUNDS = 5;
const MESSAGE_BYTES = 1_024;
const TICK_MS = 2;
const WARM_MS = 1_000;
const MEASURED_MS = 3_000;
const fleet = await PlayedFleet.start(Number(process.argv[2] ?? 0));
const [executor] = await fleet.executors(1);
if (executor === undefined) throw new Error('an executor was asked for');
const healthy = await fleet.harness(executor);
const abuser = await startAbuser(executor);
const delays: number[] = [];
const sentAt: number[] = [];
let received = 0;
healthy.onMessage = (message) => {
  if (!message.equals(messageOf(received))) throw new Error(`the stream got something else than message ${received}`);
  delays.push(performance.now() - (sentAt[received] ?? Number.NaN));
  received += 1;
};
healthy.socket.once('close', () => {
  throw new Error('the healthy stream was closed');
});

await p99();
await p99Beside();
const figures: { beside: number[]; alone: number[] } = { beside: [], alone: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  figures.alone.push(await p99(MEASURED_MS));
  figures.beside.push(await p99Beside(MEASURED_MS));
}
await end({ ratios: ratiosOf(figures.beside, figures.alone), ...figures });

async function p99(milliseconds = WARM_MS): Promise<number> {
  delays.length = 0;
  const sending = setInterval(() => {
    const message = maskedMessage(messageOf(sentAt.length));
    sentAt.push(performance.now());
    executor?.socket.write(message);
  }, TICK_MS);
  await pause(milliseconds);
  clearInterval(sending);
  while (received < sentAt.length) await pause(TICK_MS);
  return percentile(delays, 0.99);
}

async function p99Beside(milliseconds?: number): Promise<number> {
  abuser.send('on');
  const value = await p99(milliseconds);
  abuser.send('off');
  await pause(WARM_MS);
  return value;
}

async function startAbuser(executor: PlayedExecutor): Promise<ChildProcess> {
  const environmentId = parseEnvironmentId('default_hostile');
  const urls = [await fleet.harnessUrl(executor), await fleet.executorUrl(executorTicket({ environmentId }))];
  const child = fork(new URL('./abuser.ts', import.meta.url), urls);
  await once(child, 'message');
  return child;
}

function messageOf(seq: number): Uint8Array {
  const payload = Buffer.alloc(MESSAGE_BYTES, seq & 0xff);
  return encodeFrame({ streamId: healthy.streamId, body: { type: 'data', seq, payload } });
}
