import { createPeeked, isOfStream, peekFrame } from '../../../src/wire/index.ts';
import { dataFrame, maskedMessage, Sender } from '../load.ts';
import { end, pause } from '../outcome.ts';
import { PlayedFleet, type PlayedHarness } from '../played-fleet.ts';
import { readSlowly } from '../read-slowly.ts';

/**
 * The load of row R9: one harness floods its executor with messages of 64 KiB, another one sends messages of 1 KiB, both as fast as they
 * may, and the executor reads slower than either. Measured is the small one's share of what the executor gets.
 */
const ROUNDS = 5;
const MEASURED_MS = 1_500;
const EXECUTOR_BYTES_PER_SECOND = 40_000_000;
const FLOOD_MESSAGE_BYTES = 65_536;
const SMALL_MESSAGE_BYTES = 1_024;

const core = Number(process.argv[2] ?? 0);
const fleet = await PlayedFleet.start(core);
const executor = await fleet.executor();
const flooding = await fleet.harness(executor);
const small = await fleet.harness(executor);
const smallId = Buffer.from(small.streamId);
const bytes = { small: 0, all: 0 };
const peeked = createPeeked();
executor.onMessage = (message) => {
  if (peekFrame(message, peeked) !== undefined) throw new Error('the executor got no frame');
  bytes.all += message.length;
  if (isOfStream(message, peeked, smallId)) bytes.small += message.length;
};
readSlowly(executor.socket, fleet.received.executors, EXECUTOR_BYTES_PER_SECOND);
senderOf(flooding, FLOOD_MESSAGE_BYTES).start();
senderOf(small, SMALL_MESSAGE_BYTES).start();
// Buffers of kernel and relay fill up first.
await pause(MEASURED_MS);
const ratios: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const before = { ...bytes };
  await pause(MEASURED_MS);
  ratios.push((bytes.small - before.small) / (bytes.all - before.all));
}
await end({ ratios });

function senderOf({ socket, streamId }: PlayedHarness, messageBytes: number): Sender {
  return new Sender(socket, maskedMessage(dataFrame(streamId, messageBytes)));
}
