import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { CONTROL_PING_INTERVAL_MS, encodeFrame, MAX_MESSAGE_BYTES, parseStreamId } from '../../../src/wire/index.ts';
import { dialWebSocket, maskedMessage, Receiver } from '../load.ts';
import { PING, SESSIONS } from '../played-fleet.ts';

/**
 * Who abuses the relay in row R7a, a process of its own: whoever measures shares a core with it, and goes first. Arguments: the URL of a
 * harness's ticket that is tried again and again, and that of an executor. Each message of the parent turns the abuse on or off.
 */
/** In each tick: 1,000 upgrades, 200 half-open sockets, 100 slow requests and 25 MB a second. */
const TICK_MS = 10;
const UPGRADES = 10;
const HALF_OPEN = 2;
/** Of nice(2). */
const PRIORITY = 10;

setPriority(PRIORITY);
const [harnessUrl = '', executorUrl = ''] = process.argv.slice(2);
const used = new URL(harnessUrl);
const executor = await dialWebSocket(new Receiver(), executorUrl, () => {});
executor.write(SESSIONS);
setInterval(() => executor.write(PING), CONTROL_PING_INTERVAL_MS);
const nowhere = maskedMessage(
  encodeFrame({
    streamId: parseStreamId(randomUUID()),
    body: { type: 'data', seq: 0, payload: Buffer.alloc(MAX_MESSAGE_BYTES - 100) },
  }),
);
const request = [
  `GET ${used.pathname}${used.search} HTTP/1.1`,
  ...[`Host: ${used.host}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
].join('\r\n');
/** The relay drops what is half open after 10 s; nobody here needs it longer than a round. */
const opened = new Set<Socket>();
let abusing: NodeJS.Timeout | undefined;

process.on('message', () => {
  if (abusing === undefined) {
    abusing = setInterval(abuse, TICK_MS);
    return;
  }
  clearInterval(abusing);
  abusing = undefined;
  for (const socket of opened) socket.destroy();
});
process.once('disconnect', () => process.exit());
process.send?.('ready');

function abuse(): void {
  for (let i = 0; i < UPGRADES; i += 1) say(`${request}\r\n\r\n`);
  for (let i = 0; i < HALF_OPEN; i += 1) say('');
  say(request);
  // No faster than the relay reads.
  if (executor.writableLength === 0) executor.write(nowhere);
}

function say(text: string): void {
  const socket = connect({ host: used.hostname, port: Number(used.port) });
  opened.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => opened.delete(socket));
  socket.resume();
  socket.write(text);
}
