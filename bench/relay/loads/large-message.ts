import { randomBytes } from 'node:crypto';
import { encodeFrame } from '../../../src/wire/index.ts';
import { maskedMessage } from '../load.ts';
import { end, pause } from '../outcome.ts';
import { PlayedFleet } from '../played-fleet.ts';
import { forgetPeak, peakMebibytes } from '../processes.ts';
import { readSlowly } from '../read-slowly.ts';

/**
 * The load of row R8: one message of the largest legal size, in the envelopes that a real executor makes of it, sent as fast as the relay
 * takes it to a harness that reads 60 MB/s. Every byte must arrive; measured is by how much the relay grew.
 */
const ROUNDS = 3;
const MESSAGE_BYTES = 64 * 1024 * 1024;
/** A record of 60 KiB and its tag (contract §7.1). */
const PAYLOAD_BYTES = 61_456;
const READER_BYTES_PER_SECOND = 60_000_000;
const ARRIVAL_LIMIT_MS = 60_000;

const core = Number(process.argv[2] ?? 0);
const ratios: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) ratios.push(await growthOfOneMessage());
await end({ ratios });

/** In MiB, of a relay that has done nothing before. */
async function growthOfOneMessage(): Promise<number> {
  const fleet = await PlayedFleet.start(core);
  const executor = await fleet.executor();
  const harness = await fleet.harness(executor);
  const payload = randomBytes(PAYLOAD_BYTES);
  const envelopes = Array.from({ length: Math.ceil(MESSAGE_BYTES / PAYLOAD_BYTES) }, (_, seq) =>
    encodeFrame({ streamId: harness.streamId, body: { type: 'data', seq, payload } }),
  );
  let arrived = 0;
  harness.onMessage = (message) => {
    if (!message.equals(envelopes[arrived] ?? Buffer.alloc(0))) throw new Error(`envelope ${arrived} is another one`);
    arrived += 1;
  };
  const masked = envelopes.map((envelope) => maskedMessage(envelope));
  const readFreely = readSlowly(harness.socket, fleet.received.harnesses, READER_BYTES_PER_SECOND);
  forgetPeak(fleet.pid);
  const before = peakMebibytes(fleet.pid);
  for (const message of masked) executor.socket.write(message);
  const deadline = performance.now() + ARRIVAL_LIMIT_MS;
  while (arrived < envelopes.length) {
    if (performance.now() > deadline) throw new Error(`${arrived} of ${envelopes.length} envelopes arrived`);
    await pause(10);
  }
  const growth = peakMebibytes(fleet.pid) - before;
  readFreely();
  await fleet.stop();
  return growth;
}
