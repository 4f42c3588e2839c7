import { createPeeked, peekFrame, streamIdOf } from '../../../src/wire/index.ts';
import { dataFrame, maskedMessage } from '../load.ts';
import { end, pause, ratiosOf } from '../outcome.ts';
import { PlayedFleet, type PlayedHarness } from '../played-fleet.ts';
import { SteadyStreams } from '../steady-streams.ts';

/**
 * The load of rows R7 and R7d: eight steady streams, while their executor also sends to harnesses that do not read, until the relay has
 * cut all of these. Measured is the delay of the first eight, to that of the same messages without the others.
 */
const ROUNDS = 3;
const HEALTHY = 8;
const POLL_MS = 2;
/** Each tick, to the stuck harnesses in turn: 30 MB/s, so that the budgets of a stream and of an executor are reached before the stall limit. */
const STUCK_MESSAGE_BYTES = 61_440;
const WARM_MS = 1_000;
const ALONE_MS = 3_000;
/** A relay that has not cut the stuck ones by then never will: it waits 12 s for a harness that takes nothing. */
const CUT_LIMIT_MS = 30_000;

const core = Number(process.argv[2] ?? 0);
const stuckCount = Number(process.argv[3] ?? 1);
const fleet = await PlayedFleet.start(core);
const executor = await fleet.executor();
const healthy = await SteadyStreams.open(fleet, executor, HEALTHY);

await healthy.p99While(() => pause(WARM_MS));
const p99: { beside: number[]; alone: number[] } = { beside: [], alone: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  p99.alone.push(await healthy.p99While(() => pause(ALONE_MS)));
  const stuck = await fleet.harnesses([executor], stuckCount, stuckCount);
  for (const { socket } of stuck) socket.pause();
  const bulk = stuck.map(({ streamId }) => maskedMessage(dataFrame(streamId, STUCK_MESSAGE_BYTES)));
  const flood = (tick: number) => void executor.socket.write(bulk[tick % bulk.length] ?? '');
  p99.beside.push(await healthy.p99While(() => allCut(stuck), flood));
  for (const { socket } of stuck) socket.destroy();
}
await end({ ratios: ratiosOf(p99.beside, p99.alone), ...p99 });

async function allCut(stuck: readonly PlayedHarness[]): Promise<void> {
  const left = new Set(stuck.map(({ streamId }) => streamId));
  const peeked = createPeeked();
  executor.onMessage = (message) => {
    if (peekFrame(message, peeked) === undefined && peeked.kind === 'reset') left.delete(streamIdOf(message, peeked));
  };
  for (let waited = 0; left.size > 0; waited += POLL_MS) {
    if (waited > CUT_LIMIT_MS) throw new Error(`${left.size} stuck harnesses were not cut`);
    await pause(POLL_MS);
  }
}
