import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { CONTROL_PING_INTERVAL_MS, encodeFrame, MAX_MESSAGE_BYTES, parseStreamId } from '../../../src/wire/index.ts';
import { dialWebSocket, maskedMessage, Receiver } from '../load.ts';
import { PING, SESSIONS } from '../played-fleet.ts';

/**
 * Who abuses the relay in rows R7a, R7h and R7n, a process of its own: whoever measures shares a core with it, and goes first. Arguments: the URL
 * of an executor, and the kinds of abuse. The first message of the parent has the URLs of harnesses that are tried in turn, each later one turns the abuse on
 * or off.
 */
const TICK_MS = 10;
/** A thousand, and two hundred, a second. */
const UPGRADES = 10;
const HALF_OPEN = 2;
const SLOW = 1;

const [executorUrl = '', ...kinds] = process.argv.slice(2);
/** What is done in each tick, by its name. */
const ABUSES: Readonly<Record<string, () => void>> = {
  /** Upgrades of one identity. */
  upgrades: () => repeat(UPGRADES, () => `${nextRequest()}\r\n\r\n`),
  /** Sockets that say nothing, and upgrade requests that never end. */
  unfinished: () => {
    repeat(HALF_OPEN, () => '');
    repeat(SLOW, nextRequest);
  },
  /** Frames of 256 KiB for a stream that nobody has, 25 MB a second, and no faster than the relay reads. */
  nowhere: () => {
    if (executor.writableLength === 0) executor.write(nowhere);
  },
};
const abuses = Object.entries(ABUSES).filter(([kind]) => kinds.length === 0 || kinds.includes(kind));
const { hostname, port } = new URL(executorUrl);
const executor = await dialWebSocket(new Receiver(), executorUrl, () => {});
executor.write(SESSIONS);
setInterval(() => executor.write(PING), CONTROL_PING_INTERVAL_MS);
const nowhere = maskedMessage(
  encodeFrame({
    streamId: parseStreamId(randomUUID()),
    body: { type: 'data', seq: 0, payload: Buffer.alloc(MAX_MESSAGE_BYTES - 100) },
  }),
);
let requests: readonly string[] = [];
let asked = 0;
/** The relay drops what is half open after 10 s; nobody here needs it longer than a round. */
const opened = new Set<Socket>();
let abusing: NodeJS.Timeout | undefined;

process.on('message', (told: unknown) => {
  if (Array.isArray(told)) {
    requests = told.map((url) => upgradeRequest(new URL(String(url))));
    return;
  }
  if (abusing === undefined) {
    const begun = performance.now();
    let ticks = 0;
    // A tick that comes late makes up for those that did not come.
    abusing = setInterval(() => {
      for (const due = (performance.now() - begun) / TICK_MS; ticks < due; ticks += 1) abuse();
    }, TICK_MS);
    return;
  }
  clearInterval(abusing);
  abusing = undefined;
  for (const socket of opened) socket.destroy();
});
process.once('disconnect', () => process.exit());
process.send?.('ready');

function abuse(): void {
  for (const [, tick] of abuses) tick();
}

function repeat(times: number, text: () => string): void {
  for (let i = 0; i < times; i += 1) say(text());
}

function nextRequest(): string {
  asked += 1;
  return requests[asked % requests.length] ?? '';
}

/** Without the empty line that ends it. */
function upgradeRequest({ pathname, search, host }: URL): string {
  return [
    `GET ${pathname}${search} HTTP/1.1`,
    ...[`Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ].join('\r\n');
}

function say(text: string): void {
  const socket = connect({ host: hostname, port: Number(port) });
  opened.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => opened.delete(socket));
  socket.resume();
  socket.write(text);
}
