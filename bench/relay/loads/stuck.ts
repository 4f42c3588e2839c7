import { createPeeked, encodeFrame, peekFrame, streamIdOf } from '../../../src/wire/index.ts';
import { dataFrame, maskedMessage } from '../load.ts';
import { end, pause, percentile, ratiosOf } from '../outcome.ts';
import { PlayedFleet, type PlayedHarness } from '../played-fleet.ts';

/**
 * The load of rows R7 and R7d: eight streams take 500 messages of 1 KiB a second each, while their executor also sends to harnesses that
 * do not read, until the relay has cut all of these. The first eight must get every byte; measured is their delay, to that of the same
 * messages without the others.
 */
const ROUNDS = 3;
const HEALTHY = 8;
const MESSAGE_BYTES = 1_024;
const TICK_MS = 2;
/** Each tick, to the stuck harnesses in turn: 30 MB/s, so that the budgets of a stream and of an executor are reached before the stall limit. */
const STUCK_MESSAGE_BYTES = 61_440;
const WARM_MS = 1_000;
const ALONE_MS = 3_000;
/** A relay that has not cut the stuck ones by then never will: it waits 12 s for a harness that takes nothing. */
const CUT_LIMIT_MS = 30_000;
const DELIVERY_LIMIT_MS = 5_000;

const core = Number(process.argv[2] ?? 0);
const stuckCount = Number(process.argv[3] ?? 1);
const fleet = await PlayedFleet.start(core);
const executor = await fleet.executor();
const healthy = await fleet.harnesses([executor], HEALTHY, HEALTHY);
const delays: number[] = [];
const sentAt: number[][] = healthy.map(() => []);
const received = healthy.map(() => 0);
healthy.forEach((harness, i) => {
  harness.onMessage = (message) => {
    const seq = received[i] ?? 0;
    if (!message.equals(messageTo(harness, seq))) throw new Error(`stream ${i} got something else than message ${seq}`);
    delays.push(performance.now() - (sentAt[i]?.[seq] ?? Number.NaN));
    received[i] = seq + 1;
  };
  harness.socket.once('close', () => {
    throw new Error('a healthy stream was closed');
  });
});

await p99While([], () => pause(WARM_MS));
const p99: { beside: number[]; alone: number[] } = { beside: [], alone: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  p99.alone.push(await p99While([], () => pause(ALONE_MS)));
  const stuck = await fleet.harnesses([executor], stuckCount, stuckCount);
  for (const { socket } of stuck) socket.pause();
  p99.beside.push(await p99While(stuck, () => allCut(stuck)));
  for (const { socket } of stuck) socket.destroy();
}
await end({ ratios: ratiosOf(p99.beside, p99.alone), ...p99 });

/** Sends to all until `over`, and waits until the healthy ones have everything. */
async function p99While(stuck: readonly PlayedHarness[], over: () => Promise<void>): Promise<number> {
  delays.length = 0;
  const bulk = stuck.map(({ streamId }) => maskedMessage(dataFrame(streamId, STUCK_MESSAGE_BYTES)));
  let tick = 0;
  const sending = setInterval(() => {
    const message = bulk[tick % bulk.length];
    tick += 1;
    if (message !== undefined) executor.socket.write(message);
    healthy.forEach((harness, i) => {
      const times = sentAt[i] ?? [];
      const message = maskedMessage(messageTo(harness, times.length));
      times.push(performance.now());
      executor.socket.write(message);
    });
  }, TICK_MS);
  await over();
  clearInterval(sending);
  const sent = sentAt.map(({ length }) => length);
  for (let waited = 0; !received.every((count, i) => count === sent[i]); waited += TICK_MS) {
    if (waited > DELIVERY_LIMIT_MS) throw new Error(`sent ${sent}, received ${received}`);
    await pause(TICK_MS);
  }
  return percentile(delays, 0.99);
}

async function allCut(stuck: readonly PlayedHarness[]): Promise<void> {
  const left = new Set(stuck.map(({ streamId }) => streamId));
  const peeked = createPeeked();
  executor.onMessage = (message) => {
    if (peekFrame(message, peeked) === undefined && peeked.kind === 'reset') left.delete(streamIdOf(message, peeked));
  };
  for (let waited = 0; left.size > 0; waited += TICK_MS) {
    if (waited > CUT_LIMIT_MS) throw new Error(`${left.size} stuck harnesses were not cut`);
    await pause(TICK_MS);
  }
}

function messageTo({ streamId }: PlayedHarness, seq: number): Uint8Array {
  const payload = Buffer.alloc(MESSAGE_BYTES, seq & 0xff);
  return encodeFrame({ streamId, body: { type: 'data', seq, payload } });
}
