import { end, pause } from '../outcome.ts';
import { type PlayedExecutor, PlayedFleet } from '../played-fleet.ts';

/**
 * The load of row R10: a relay with 500 executors and 5,000 harnesses is killed and another one started. As soon as it listens all executors
 * dial, and as soon as an executor is present all its harnesses do, each with a fresh ticket, and again after a refusal. Measured from the
 * kill until every harness has an open stream.
 */
const ROUNDS = 3;
const EXECUTORS = 500;
const HARNESSES = 5_000;
const AT_ONCE = 200;
/** Between two attempts of a harness, at most. */
const RETRY_MS = 500;

const core = Number(process.argv[2] ?? 0);
const fleet = await PlayedFleet.start(core);
let refused = 0;
const executors = await fleet.executors(EXECUTORS);
await fleet.harnesses(executors, HARNESSES, AT_ONCE);
const ratios: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const start = performance.now();
  await fleet.restart();
  await Promise.all(executors.map(({ ticket }) => allBack(ticket)));
  ratios.push((performance.now() - start) / 1_000);
}
await end({ ratios, refused });

async function allBack(ticket: PlayedExecutor['ticket']): Promise<void> {
  const executor = await persistently(() => fleet.executor(ticket));
  const back = () => persistently(() => fleet.harness(executor));
  await Promise.all(Array.from({ length: HARNESSES / EXECUTORS }, back));
}

async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      refused += 1;
      await pause(Math.random() * RETRY_MS);
    }
  }
}
