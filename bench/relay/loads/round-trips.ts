import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { parseStreamId, type StreamId } from '../../../src/wire/index.ts';
import { dataFrame, maskedMessage, Receiver, throughForwarder } from '../load.ts';
import { MessageReader } from '../message-reader.ts';
import { startNginx } from '../nginx.ts';
import { end, percentile, ratiosOf } from '../outcome.ts';
import { PlayedFleet } from '../played-fleet.ts';

/**
 * The load of rows R4 and R5: one message of 1 KiB to and fro between a harness and its executor, through two paths in turns. R4: relay and
 * nginx; R5: a relay with a crowd of idle connections, and one without.
 */
const MESSAGE_BYTES = 1_024;
const ROUNDS = 7;
const WARM_TRIPS = 5_000;
/** Of each path in each round, so that 30 of them lie above the 99th percentile. */
const TRIPS = 3_000;
/** Short turns: whatever else runs on the machine hits both paths alike. */
const TRIPS_PER_TURN = 300;
/** R5 (issue: 10,000 idle harness connections and 500 executors on one replica). */
const CROWD = { harnesses: 10_000, executors: 500, atOnce: 200 };

/** Sends a message and resolves when its answer is here. */
type Trip = () => Promise<void>;

const [coreText = '0', row = '', shareText = '0.99'] = process.argv.slice(2);
const core = Number(coreText);
const share = Number(shareText);
const ours = row === 'R5' ? await throughRelay(CROWD) : await throughRelay();
const peer = row === 'R5' ? await throughRelay() : await throughNginx();
await milliseconds(ours, WARM_TRIPS);
await milliseconds(peer, WARM_TRIPS);
const rounds: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  const trips: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let done = 0; done < TRIPS; done += TRIPS_PER_TURN) {
    trips.ours.push(...(await milliseconds(ours, TRIPS_PER_TURN)));
    trips.peer.push(...(await milliseconds(peer, TRIPS_PER_TURN)));
  }
  rounds.ours.push(percentile(trips.ours, share));
  rounds.peer.push(percentile(trips.peer, share));
}
await end({ ratios: ratiosOf(rounds.ours, rounds.peer), ...rounds });

async function milliseconds(trip: Trip, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    await trip();
    times.push(performance.now() - start);
  }
  return times;
}

async function throughRelay(crowd?: typeof CROWD): Promise<Trip> {
  const fleet = await PlayedFleet.start(core);
  if (crowd !== undefined) {
    await fleet.harnesses(await fleet.executors(crowd.executors), crowd.harnesses, crowd.atOnce);
  }
  const executor = await fleet.executor();
  const harness = await fleet.harness(executor);
  const message = maskedMessage(dataFrame(harness.streamId, MESSAGE_BYTES));
  executor.onMessage = () => void executor.socket.write(message);
  return tripOf(harness.socket, message, (onAnswer) => {
    harness.onMessage = onAnswer;
  });
}

async function throughNginx(): Promise<Trip> {
  const streamId: StreamId = parseStreamId(randomUUID());
  const message = maskedMessage(dataFrame(streamId, MESSAGE_BYTES));
  let onAnswer = (): void => {};
  const front = new MessageReader(() => onAnswer());
  const behind = new MessageReader(() => void pairs[0]?.behind.write(message));
  const { pairs } = await throughForwarder((port) => startNginx(core, port), 1, new Receiver(), {
    onFront: (_pair, bytes) => front.push(bytes),
    onBehind: (_pair, bytes) => behind.push(bytes),
  });
  const [pair] = pairs;
  if (pair === undefined) throw new Error('one pair was asked for');
  return tripOf(pair.front, message, (told) => {
    onAnswer = told;
  });
}

function tripOf(socket: Socket, message: Buffer, listen: (onAnswer: () => void) => void): Trip {
  return () =>
    new Promise((resolve) => {
      listen(resolve);
      socket.write(message);
    });
}
