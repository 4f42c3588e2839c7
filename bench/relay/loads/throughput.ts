import { randomUUID } from 'node:crypto';
import { parseStreamId } from '../../../src/wire/index.ts';
import { dataFrame, dialWebSocket, maskedMessage, Receiver, Sender, throughForwarder } from '../load.ts';
import { startNginx } from '../nginx.ts';
import { end, pause, ratiosOf } from '../outcome.ts';
import { PlayedFleet } from '../played-fleet.ts';
import { cpuSeconds, startScript } from '../processes.ts';

/** The load of rows R1 to R3: the same WebSocket bytes through the relay and through its peer, in turns. */
const ROUNDS = 7;
/** Not counted: both sides still run code that no compiler has seen. */
const WARM_ROUNDS = 2;
const WARM_MS = 400;
const MEASURED_MS = 1_200;

interface Scenario {
  readonly harnesses: number;
  readonly messageBytes: number;
  readonly from: 'harnesses' | 'executor';
  readonly peer: 'nginx' | 'ws';
  /** Messages that each harness sends before all have arrived. A forwarder without back-pressure would drown in more. */
  readonly window?: number;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  R1: { harnesses: 16, messageBytes: 1_024, from: 'harnesses', peer: 'nginx' },
  R2: { harnesses: 1, messageBytes: 65_536, from: 'executor', peer: 'nginx' },
  R3: { harnesses: 16, messageBytes: 1_024, from: 'harnesses', peer: 'ws', window: 8 },
};

interface Side {
  readonly senders: readonly Sender[];
  readonly receiver: Receiver;
  /** Bytes that one message has where it is received. */
  readonly receivedBytes: number;
  /** The process that forwards. */
  readonly pid: number;
}

/** Messages delivered while the senders send as fast as they may. Those per CPU second say the same on a machine that others use. */
interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/** An unmasked message has no mask, 4 bytes less. */
const MASK_BYTES = 4;

const [coreText = '0', name = ''] = process.argv.slice(2);
const scenario = SCENARIOS[name];
if (scenario === undefined) throw new Error(`no scenario ${name}`);
const core = Number(coreText);
const ours = await throughRelay(scenario);
const { side: peer, stop } = await (scenario.peer === 'ws' ? throughWs : throughNginx)(scenario);
const rates: { ours: Rate[]; peer: Rate[] } = { ours: [], peer: [] };
for (let round = -WARM_ROUNDS; round < ROUNDS; round += 1) {
  const rate = { ours: await measure(ours, scenario.window), peer: await measure(peer, scenario.window) };
  if (round < 0) continue;
  rates.ours.push(rate.ours);
  rates.peer.push(rate.peer);
}
await stop();
const of = (side: Rate[], key: keyof Rate) => side.map((rate) => rate[key]);
const cpuRatios = ratiosOf(of(rates.ours, 'perCpuSecond'), of(rates.peer, 'perCpuSecond'));
const ratios =
  scenario.peer === 'ws'
    ? cpuRatios.map((ratio) => 1 / ratio)
    : ratiosOf(of(rates.ours, 'perSecond'), of(rates.peer, 'perSecond'));
await end({ ratios, cpuRatios, ...rates });

async function measure({ senders, receiver, receivedBytes, pid }: Side, window?: number): Promise<Rate> {
  const stop = window === undefined ? flood(senders) : inWindows(senders, window, receiver, receivedBytes);
  await pause(WARM_MS);
  const start = performance.now();
  const before = { bytes: receiver.bytes, cpu: cpuSeconds(pid) };
  await pause(MEASURED_MS);
  const messages = (receiver.bytes - before.bytes) / receivedBytes;
  const perSecond = messages / ((performance.now() - start) / 1_000);
  const perCpuSecond = messages / (cpuSeconds(pid) - before.cpu);
  stop();
  // What is still under way belongs to nobody's next turn.
  for (let last = -1; last !== receiver.bytes; ) {
    last = receiver.bytes;
    await pause(50);
  }
  return { perSecond, perCpuSecond };
}

function flood(senders: readonly Sender[]): () => void {
  for (const sender of senders) sender.start();
  return () => {
    for (const sender of senders) sender.stop();
  };
}

function inWindows(senders: readonly Sender[], window: number, receiver: Receiver, receivedBytes: number): () => void {
  const bytes = senders.length * window * receivedBytes;
  let expected = receiver.bytes;
  let stopped = false;
  const next = () => {
    if (stopped) return;
    if (receiver.bytes >= expected) {
      for (const sender of senders) sender.send(window);
      expected += bytes;
    }
    setImmediate(next);
  };
  next();
  return () => {
    stopped = true;
  };
}

async function throughRelay({ harnesses: count, messageBytes, from }: Scenario): Promise<Side> {
  const fleet = await PlayedFleet.start(core);
  const executor = await fleet.executor();
  const harnesses = await fleet.harnesses([executor], count, 1);
  for (const end of [executor, ...harnesses]) end.countOnly();
  const senders = harnesses.map(({ socket, streamId }) => {
    const message = maskedMessage(dataFrame(streamId, messageBytes));
    return new Sender(from === 'harnesses' ? socket : executor.socket, message);
  });
  const receiver = from === 'harnesses' ? fleet.received.executors : fleet.received.harnesses;
  return { senders, receiver, receivedBytes: receivedBytes(messageBytes), pid: fleet.pid };
}

async function throughNginx({ harnesses, messageBytes }: Scenario): Promise<{ side: Side; stop(): Promise<void> }> {
  const receiver = new Receiver();
  const message = maskedMessage(dataFrame(parseStreamId(randomUUID()), messageBytes));
  const { pairs, pid, stop } = await throughForwarder((port) => startNginx(core, port), harnesses, receiver);
  const senders = pairs.map(({ behind }) => new Sender(behind, message));
  return { side: { senders, receiver, receivedBytes: message.length, pid }, stop };
}

async function throughWs({ harnesses, messageBytes }: Scenario): Promise<{ side: Side; stop(): Promise<void> }> {
  const { pid, told } = await startScript<{ url: string }>(core, 'ws-forwarder');
  const receiver = new Receiver();
  await dialWebSocket(receiver, `${told.url}/executor`, () => {});
  const message = maskedMessage(dataFrame(parseStreamId(randomUUID()), messageBytes));
  const dial = () => dialWebSocket(new Receiver(), `${told.url}/harness`, () => {});
  const sockets = await Promise.all(Array.from({ length: harnesses }, dial));
  const senders = sockets.map((socket) => new Sender(socket, message));
  return { side: { senders, receiver, receivedBytes: receivedBytes(messageBytes), pid }, stop: async () => {} };
}

function receivedBytes(messageBytes: number): number {
  return maskedMessage(new Uint8Array(messageBytes)).length - MASK_BYTES;
}
