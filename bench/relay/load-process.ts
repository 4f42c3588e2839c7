import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { executorTicket, HARNESS_KEY } from '../../src/relay/testing/fleet.ts';
import { PRESENCE_SECRET, ScriptedRegistry } from '../../src/relay/testing/scripted-registry.ts';
import {
  CONTROL_PING_INTERVAL_MS,
  controlToRelay,
  decodeFrame,
  encodeFrame,
  parseBootId,
  parseStreamId,
} from '../../src/wire/index.ts';
import { dataFrame, dialWebSocket, maskedMessage, newStreamId, Receiver, Sender, throughForwarder } from './load.ts';
import { startNginx } from './nginx.ts';

/**
 * The load of rows R1 and R2, in a process that the row pins to a core of its own: `load-process.ts ROW RELAY_CORE`. It
 * starts relay and nginx on the other core, sends the same WebSocket bytes through one and the other in turns, and prints
 * {"ratios":[…],"cpuRatios":[…],"ours":[…],"peer":[…]}.
 */
const ROUNDS = 7;
const WARM_MS = 400;
const MEASURED_MS = 1_200;

interface Scenario {
  readonly harnesses: number;
  readonly messageBytes: number;
  readonly from: 'harnesses' | 'executor';
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  R1: { harnesses: 16, messageBytes: 1_024, from: 'harnesses' },
  R2: { harnesses: 1, messageBytes: 65_536, from: 'executor' },
};

interface Side {
  readonly senders: readonly Sender[];
  readonly receiver: Receiver;
  /** Bytes that one message has where it is received. */
  readonly receivedBytes: number;
  /** The process that forwards. */
  readonly pid: number;
}

const [name = '', coreText = '0'] = process.argv.slice(2);
const scenario = SCENARIOS[name];
if (scenario === undefined) throw new Error(`no scenario ${name}`);
const core = Number(coreText);
const children: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
const ours = await throughRelay(scenario, core);
const { side: peer, stop: stopPeer } = await throughNginx(scenario, core);
const rates: { ours: Rate[]; peer: Rate[] } = { ours: [], peer: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  rates.ours.push(await measure(ours));
  rates.peer.push(await measure(peer));
}
const ratiosOf = (key: keyof Rate) => rates.ours.map((rate, i) => rate[key] / (rates.peer[i]?.[key] ?? Number.NaN));
process.stdout.write(
  `${JSON.stringify({ ratios: ratiosOf('perSecond'), cpuRatios: ratiosOf('perCpuSecond'), ...rates })}\n`,
);
await stopPeer();
process.exit(0);

/** Messages delivered while the senders send as fast as they may. Those per CPU second say the same on a machine that others use. */
interface Rate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

async function measure({ senders, receiver, receivedBytes, pid }: Side): Promise<Rate> {
  for (const sender of senders) sender.start();
  await pause(WARM_MS);
  const start = performance.now();
  const before = { bytes: receiver.bytes, cpu: cpuSeconds(pid) };
  await pause(MEASURED_MS);
  const messages = (receiver.bytes - before.bytes) / receivedBytes;
  const perSecond = messages / ((performance.now() - start) / 1_000);
  const perCpuSecond = messages / (cpuSeconds(pid) - before.cpu);
  for (const sender of senders) sender.stop();
  // What is still under way belongs to nobody's next turn.
  for (let last = -1; last !== receiver.bytes; ) {
    last = receiver.bytes;
    await pause(50);
  }
  return { perSecond, perCpuSecond };
}

/** User and system time of a process: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function throughNginx({ harnesses, messageBytes }: Scenario, relayCore: number) {
  const receiver = new Receiver();
  const message = maskedMessage(dataFrame(randomUUID(), messageBytes));
  const { sockets, pid, stop } = await throughForwarder((port) => startNginx(relayCore, port), harnesses, receiver);
  const senders = sockets.map((socket) => new Sender(socket, message));
  return { side: { senders, receiver, receivedBytes: message.length, pid } satisfies Side, stop };
}

async function throughRelay({ harnesses, messageBytes, from }: Scenario, relayCore: number): Promise<Side> {
  const registry = await ScriptedRegistry.start();
  const { url, bootId, pid } = await startRelayProcess(relayCore, registry.url);
  await registry.sawType('snapshot');
  const now = Date.now() / 1_000;
  const ticket = executorTicket();
  const executorToken = await registry.signer.signExecutorTicket(ticket, now);
  const receivers = { harnesses: new Receiver(), executor: new Receiver() };
  const answered = new Set<string>();
  let onAnswered = (): void => {};
  const executor: Socket = await dialWebSocket(
    receivers.executor,
    `${url}/v1/executor?ticket=${executorToken}`,
    (bytes) => answerHandshakes(bytes, answered, executor),
  );
  executor.write(maskedText(controlToRelay.encode({ type: 'sessions', sessions: [] })));
  await registry.sawType('add');
  const ping = maskedText(controlToRelay.encode({ type: 'ping', nonce: 'bench' }));
  setInterval(() => executor.write(ping), CONTROL_PING_INTERVAL_MS);
  const streams: { socket: Socket; streamId: string }[] = [];
  for (let i = 0; i < harnesses; i += 1) {
    const harnessToken = await registry.signer.signHarnessTicket(
      {
        ...{ environmentId: ticket.environmentId, registrationId: ticket.registrationId, bootId: parseBootId(bootId) },
        ...{ address: '127.0.0.1:1', grant: 'bench', identityHash: `identity-${i}`, harnessKeyHash: HARNESS_KEY },
        ...{ jti: randomUUID(), expiresAt: now + 60 },
      },
      now,
    );
    const streamId = newStreamId();
    const open = new Promise<void>((resolve) => {
      onAnswered = resolve;
    });
    const socket = await dialWebSocket(receivers.harnesses, `${url}/v1/harness?ticket=${harnessToken}`, () =>
      onAnswered(),
    );
    const body = { type: 'handshake', payload: randomBytes(64) } as const;
    socket.write(maskedMessage(encodeFrame({ streamId: parseStreamId(streamId), body })));
    await open;
    streams.push({ socket, streamId });
  }
  const senders = streams.map(({ socket, streamId }) => {
    const message = maskedMessage(dataFrame(streamId, messageBytes));
    return new Sender(from === 'harnesses' ? socket : executor, message);
  });
  const receiver = from === 'harnesses' ? receivers.executor : receivers.harnesses;
  // An unmasked message has no mask, 4 bytes less.
  return { senders, receiver, receivedBytes: maskedMessage(new Uint8Array(messageBytes)).length - 4, pid };
}

/** Plays the executor's part in a handshake; once all streams are open, data is only counted. */
function answerHandshakes(bytes: Uint8Array, answered: Set<string>, executor: Socket): void {
  if (bytes.length > 200) return;
  try {
    const { streamId, body } = decodeFrame(bytes.subarray((bytes[1] ?? 0) === 126 ? 4 : 2));
    if (body.type !== 'handshake' || answered.has(streamId)) return;
    answered.add(streamId);
    const payload = randomBytes(64);
    executor.write(maskedMessage(encodeFrame({ streamId, body: { type: 'handshake', payload } })));
  } catch {
    // A control message, or the middle of a data frame.
  }
}

function maskedText(text: string): Buffer {
  const message = maskedMessage(Buffer.from(text));
  message[0] = 0x81;
  return message;
}

async function startRelayProcess(
  relayCore: number,
  registryUrl: string,
): Promise<{ url: string; bootId: string; pid: number }> {
  const script = new URL('./relay-process.ts', import.meta.url).pathname;
  const command = ['-c', String(relayCore), process.execPath, script, registryUrl, PRESENCE_SECRET];
  const child = spawn('taskset', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = await once(createInterface(child.stdout), 'line');
  const { url, bootId }: { url: string; bootId: string } = JSON.parse(String(line));
  return { url, bootId, pid: child.pid ?? 0 };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
