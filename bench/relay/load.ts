import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { encodeFrame, type StreamId } from '../../src/wire/index.ts';
import { OPCODE } from './message-reader.ts';
import type { Forwarder } from './nginx.ts';

/** Bytes per `write` of a sender: large, so that the load costs little beside what it measures. */
const WRITE_BYTES = 131_072;
const READ_BYTES = 262_144;

const FINAL = 0x80;

/** A masked WebSocket message, as every client sends it. The mask is not zero, so that whoever must unmask does the work. */
export function maskedMessage(message: Uint8Array, opcode: number = OPCODE.binary): Buffer {
  const first = FINAL | opcode;
  const mask = Buffer.from([0x5a, 0x17, 0xc3, 0x91]);
  const length = message.length;
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65_536
        ? Buffer.from([first, 0x80 | 126, length >>> 8, length & 0xff])
        : Buffer.from([first, 0x80 | 127, 0, 0, 0, 0, 0, length >>> 16, (length >>> 8) & 0xff, length & 0xff]);
  const masked = Buffer.from(message);
  for (let i = 0; i < length; i += 1) masked[i] = (masked[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([head, mask, masked]);
}

/** A data frame whose whole envelope has exactly `bytes` bytes. */
export function dataFrame(streamId: StreamId, bytes: number): Uint8Array {
  const make = (payload: number) =>
    encodeFrame({ streamId, body: { type: 'data', seq: 7, payload: randomBytes(payload) } });
  let payload = bytes - 60;
  while (make(payload).length < bytes) payload += 1;
  return make(payload);
}

/** Sends the same bytes over and over, as fast as the socket takes them, until stopped. */
export class Sender {
  readonly #socket: Socket;
  readonly #message: Buffer;
  readonly #block: Buffer;
  #running = false;

  constructor(socket: Socket, message: Buffer) {
    this.#socket = socket;
    this.#message = message;
    const count = Math.max(1, Math.floor(WRITE_BYTES / message.length));
    this.#block = Buffer.concat(Array.from({ length: count }, () => message));
  }

  /** Sends so many messages, in one write. */
  send(count: number): void {
    this.#socket.write(this.#block.subarray(0, count * this.#message.length));
  }

  start(): void {
    this.#running = true;
    this.#next();
  }

  stop(): void {
    this.#running = false;
  }

  readonly #next = (): void => {
    // By way of the event loop: a kernel that takes each write at once would otherwise starve the receivers in this process.
    if (this.#running) this.#socket.write(this.#block, () => setImmediate(this.#next));
  };
}

/** Bytes received on a set of sockets. */
export class Receiver {
  bytes = 0;
  /** One for all: whoever is told of bytes has them only as long as the call lasts. */
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);

  /** Opens a connection whose reads allocate nothing. `onData` may look at the bytes; they are gone after it. */
  async dial(port: number, onData?: (bytes: Uint8Array) => void): Promise<Socket> {
    const buffer = this.#buffer;
    const socket = connect({
      ...{ port, host: '127.0.0.1', noDelay: true },
      onread: {
        buffer,
        callback: (length) => {
          this.bytes += length;
          onData?.(buffer.subarray(0, length));
          return true;
        },
      },
    });
    await once(socket, 'connect');
    // A relay that is killed resets its connections; 'close' follows.
    socket.on('error', () => {});
    return socket;
  }
}

/** The relay, or nginx, answered an upgrade with something else than 101. */
export class NoUpgrade extends Error {
  readonly code = 'no_upgrade';
}

/**
 * An upgraded connection: the answer's header is read off, what follows is handed to `onBytes`.
 *
 * @throws NoUpgrade; Error of the socket
 */
export async function dialWebSocket(
  receiver: Receiver,
  url: string,
  onBytes: (bytes: Uint8Array) => void,
): Promise<Socket> {
  const target = new URL(url);
  const upgrade = Promise.withResolvers<void>();
  let upgraded = false;
  const socket = await receiver.dial(Number(target.port), (bytes) => {
    if (upgraded) return onBytes(bytes);
    const text = Buffer.from(bytes).toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (!text.startsWith('HTTP/1.1 101') || end < 0) {
      upgrade.reject(new NoUpgrade(text.slice(0, 300)));
      socket.destroy();
      return;
    }
    upgraded = true;
    upgrade.resolve();
    if (end + 4 < bytes.length) onBytes(bytes.subarray(end + 4));
  });
  socket.once('close', () => upgrade.reject(new NoUpgrade('the connection ended before an answer')));
  socket.write(
    [
      `GET ${target.pathname}${target.search} HTTP/1.1`,
      `Host: ${target.host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      '\r\n',
    ].join('\r\n'),
  );
  await upgrade.promise;
  return socket;
}

/** Both ends of one connection through a byte forwarder. */
export interface ForwardedPair {
  readonly front: Socket;
  readonly behind: Socket;
}

/** What the ends of the pairs are told, by the pair's number. */
export interface PairEvents {
  readonly onFront?: (pair: number, bytes: Uint8Array) => void;
  readonly onBehind?: (pair: number, bytes: Uint8Array) => void;
}

/** `count` connections through a byte forwarder. Bytes that arrive in front count for `receiver`. */
export async function throughForwarder(
  forwarder: (upstreamPort: number) => Promise<Forwarder>,
  count: number,
  receiver: Receiver,
  { onFront, onBehind }: PairEvents = {},
): Promise<{ pairs: ForwardedPair[]; pid: number; stop(): Promise<void> }> {
  const behind = new Map<number, Socket>();
  const upstream = createServer({ noDelay: true }, (socket) => {
    // The first byte is the pair's number; who sends none only looked whether the forwarder listens.
    socket.once('data', (first) => {
      const pair = first[0] ?? 0;
      behind.set(pair, socket);
      socket.on('data', (bytes) => onBehind?.(pair, bytes));
    });
    socket.on('error', () => {});
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const address = upstream.address();
  const { port, pid, stop } = await forwarder(typeof address === 'object' && address !== null ? address.port : 0);
  const front: Socket[] = [];
  for (let pair = 0; pair < count; pair += 1) {
    const socket = await receiver.dial(port, (bytes) => onFront?.(pair, bytes));
    socket.write(Uint8Array.of(pair));
    front.push(socket);
  }
  while (behind.size < count) await new Promise((resolve) => setImmediate(resolve));
  const pairs = front.map((socket, pair) => ({ front: socket, behind: behind.get(pair) ?? socket }));
  return {
    pairs,
    pid,
    async stop() {
      for (const pair of pairs) {
        pair.front.destroy();
        pair.behind.destroy();
      }
      upstream.close();
      await stop();
    },
  };
}
