import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { encodeFrame, parseStreamId } from '../../src/wire/index.ts';
import type { Forwarder } from './nginx.ts';

/** Bytes per `write` of a sender: large, so that the load costs little beside what it measures. */
const WRITE_BYTES = 131_072;
const READ_BYTES = 262_144;

/** A masked WebSocket message, as every client sends it. The mask is not zero, so that whoever must unmask does the work. */
export function maskedMessage(message: Uint8Array): Buffer {
  const mask = Buffer.from([0x5a, 0x17, 0xc3, 0x91]);
  const length = message.length;
  const head =
    length < 126
      ? Buffer.from([0x82, 0x80 | length])
      : length < 65_536
        ? Buffer.from([0x82, 0x80 | 126, length >>> 8, length & 0xff])
        : Buffer.from([0x82, 0x80 | 127, 0, 0, 0, 0, 0, length >>> 16, (length >>> 8) & 0xff, length & 0xff]);
  const masked = Buffer.from(message);
  for (let i = 0; i < length; i += 1) masked[i] = (masked[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([head, mask, masked]);
}

/** A data frame whose whole envelope has exactly `bytes` bytes. */
export function dataFrame(streamId: string, bytes: number): Uint8Array {
  const make = (payload: number) =>
    encodeFrame({ streamId: parseStreamId(streamId), body: { type: 'data', seq: 7, payload: randomBytes(payload) } });
  let payload = bytes - 60;
  while (make(payload).length < bytes) payload += 1;
  return make(payload);
}

/** Sends the same bytes over and over, as fast as the socket takes them, until stopped. */
export class Sender {
  readonly #socket: Socket;
  readonly #block: Buffer;
  #running = false;

  constructor(socket: Socket, message: Buffer) {
    this.#socket = socket;
    const count = Math.max(1, Math.floor(WRITE_BYTES / message.length));
    this.#block = Buffer.concat(Array.from({ length: count }, () => message));
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

  /** Opens a connection whose reads allocate nothing. `onData` may look at the bytes; they are gone after it. */
  dial(port: number, onData?: (bytes: Uint8Array) => void): Promise<Socket> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
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
    return once(socket, 'connect').then(() => socket);
  }
}

/** An upgraded connection: the answer's header is read off, what follows is handed to `onFrames`. */
export async function dialWebSocket(
  receiver: Receiver,
  url: string,
  onFrames: (bytes: Uint8Array) => void,
): Promise<Socket> {
  const target = new URL(url);
  let upgraded = false;
  let resolveUpgrade = (): void => {};
  const done = new Promise<void>((resolve) => {
    resolveUpgrade = resolve;
  });
  const socket = await receiver.dial(Number(target.port), (bytes) => {
    if (upgraded) return onFrames(bytes);
    const text = Buffer.from(bytes).toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (!text.startsWith('HTTP/1.1 101') || end < 0) throw new Error(`no upgrade: ${text}`);
    upgraded = true;
    resolveUpgrade();
    if (end + 4 < bytes.length) onFrames(bytes.subarray(end + 4));
  });
  const key = randomBytes(16).toString('base64');
  socket.write(
    [
      `GET ${target.pathname}${target.search} HTTP/1.1`,
      `Host: ${target.host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      '\r\n',
    ].join('\r\n'),
  );
  await done;
  return socket;
}

/** `count` connections through a byte forwarder: senders behind it, the receiver in front. */
export async function throughForwarder(
  forwarder: (upstreamPort: number) => Promise<Forwarder>,
  count: number,
  receiver: Receiver,
): Promise<{ sockets: Socket[]; pid: number; stop(): Promise<void> }> {
  const behind: Socket[] = [];
  const upstream = createServer({ noDelay: true }, (socket) => {
    // The byte tells a connection of ours from one that only looked whether the forwarder listens.
    socket.once('data', () => behind.push(socket));
    socket.on('error', () => {});
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const address = upstream.address();
  const { port, pid, stop } = await forwarder(typeof address === 'object' && address !== null ? address.port : 0);
  const front: Socket[] = [];
  for (let i = 0; i < count; i += 1) {
    const socket = await receiver.dial(port);
    socket.on('error', () => {});
    socket.write('!');
    front.push(socket);
  }
  while (behind.length < count) await new Promise((resolve) => setImmediate(resolve));
  return {
    sockets: behind,
    pid,
    async stop() {
      for (const socket of [...front, ...behind]) socket.destroy();
      upstream.close();
      await stop();
    },
  };
}

export const newStreamId = (): string => randomUUID();
