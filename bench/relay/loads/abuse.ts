import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { encodeFrame, MAX_MESSAGE_BYTES, parseStreamId } from '../../../src/wire/index.ts';
import { maskedMessage } from '../load.ts';
import { end, pause, percentile, ratiosOf } from '../outcome.ts';
import { PlayedFleet } from '../played-fleet.ts';

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
/** In each tick of abuse: 1,000 upgrades, 200 half-open sockets, 100 slow requests and 25 MB a second. */
const ABUSE_TICK_MS = 10;
const UPGRADES = 10;
const HALF_OPEN = 2;
/** The relay drops what is half open after 10 s; nobody here needs it longer than a round. */
const opened = new Set<Socket>();

const fleet = await PlayedFleet.start(Number(process.argv[2] ?? 0));
const [executor, hostile] = await fleet.executors(2);
if (executor === undefined || hostile === undefined) throw new Error('two executors were asked for');
const healthy = await fleet.harness(executor);
const usedUrl = new URL(await fleet.harnessUrl(hostile));
const nowhere = maskedMessage(
  encodeFrame({
    streamId: parseStreamId(randomUUID()),
    body: { type: 'data', seq: 0, payload: Buffer.alloc(MAX_MESSAGE_BYTES - 100) },
  }),
);
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
  const abusing = setInterval(abuse, ABUSE_TICK_MS);
  const value = await p99(milliseconds);
  clearInterval(abusing);
  for (const socket of opened) socket.destroy();
  await pause(WARM_MS);
  return value;
}

function abuse(): void {
  const request = [
    `GET ${usedUrl.pathname}${usedUrl.search} HTTP/1.1`,
    ...[`Host: ${usedUrl.host}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ].join('\r\n');
  for (let i = 0; i < UPGRADES; i += 1) say(`${request}\r\n\r\n`);
  for (let i = 0; i < HALF_OPEN; i += 1) say('');
  say(request);
  // No faster than the relay reads.
  if (hostile?.socket.writableLength === 0) hostile.socket.write(nowhere);
}

function say(text: string): void {
  const socket = connect({ host: usedUrl.hostname, port: Number(usedUrl.port) });
  opened.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => opened.delete(socket));
  socket.resume();
  socket.write(text);
}

function messageOf(seq: number): Uint8Array {
  const payload = Buffer.alloc(MESSAGE_BYTES, seq & 0xff);
  return encodeFrame({ streamId: healthy.streamId, body: { type: 'data', seq, payload } });
}
