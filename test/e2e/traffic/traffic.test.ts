import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { generateAuthority, issueLeaf } from '../../../src/operator/tls/certificates.ts';
import { connectionsIn } from './packets.ts';
import { isTls, keyLogOf, plaintextOf } from './tls.ts';
import { messagesOf } from './web-socket.ts';

const SYN = 0x02;
const SYN_ACK = 0x12;
const ACK = 0x10;
const HEADERS_BYTES = 40;
const CLIENT = { port: 40_000, isn: 0xfffffff0 };
const SERVER = { port: 8443, isn: 17 };
type End = typeof CLIENT;

/** As `capture.c` writes it, over IPv4 between two ports of loopback. */
function packet(from: End, to: End, { flags = ACK, offset = 0, bytes = Buffer.alloc(0) }): Buffer {
  const packet = Buffer.alloc(4 + HEADERS_BYTES);
  const length = HEADERS_BYTES + bytes.length;
  packet.writeUInt32LE(length);
  packet.writeUInt8(0x45, 4);
  packet.writeUInt16BE(length, 6);
  packet.writeUInt8(6, 13);
  packet.writeUInt16BE(from.port, 24);
  packet.writeUInt16BE(to.port, 26);
  packet.writeUInt32BE((from.isn + offset) % 2 ** 32, 28);
  packet.writeUInt8(0x50, 36);
  packet.writeUInt8(flags, 37);
  return Buffer.concat([packet, bytes]);
}

const beginning = () => [packet(CLIENT, SERVER, { flags: SYN }), packet(SERVER, CLIENT, { flags: SYN_ACK })];

describe('connections in a capture', () => {
  it('are whole, however their bytes are cut into packets, reordered and repeated', () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 });
    fc.assert(
      fc.property(pieces, fc.infiniteStream(fc.nat()), (parts, numbers) => {
        let offset = 1;
        const packets = parts.map((part) => {
          const bytes = Buffer.from(part);
          offset += bytes.length;
          return packet(CLIENT, SERVER, { offset: offset - bytes.length, bytes });
        });
        const order = [...packets, ...packets].map((each) => ({ each, at: Number(numbers.next().value) }));
        const mixed = order.toSorted((a, b) => a.at - b.at).map(({ each }) => each);
        const [connection] = connectionsIn(Buffer.concat([...beginning(), ...mixed]));
        expect(connection?.client).toEqual({ bytes: Buffer.concat(parts), hasHole: false });
      }),
    );
  });

  it('say that they have a hole where a packet is missing', () => {
    const late = packet(SERVER, CLIENT, { offset: 2, bytes: Buffer.from('late') });
    const [connection] = connectionsIn(Buffer.concat([...beginning(), late]));
    expect(connection?.server.hasHole).toBe(true);
  });

  it('are looked for in any bytes without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const whole = Buffer.concat([Buffer.from([bytes.length, 0, 0, 0]), bytes]);
        expect(connectionsIn(whole)).toEqual([]);
        connectionsIn(Buffer.from(bytes));
      }),
    );
  });
});

describe('a WebSocket over TLS', () => {
  const sides = { client: Buffer.alloc(0), server: Buffer.alloc(0) };
  let log = '';
  let sent: readonly Buffer[] = [];
  let url: string;
  let ca: string;
  const closing: { close(): unknown }[] = [];

  beforeAll(async () => {
    const now = Date.now();
    const authority = await generateAuthority({ name: 'test', now, lifeMs: 60_000 });
    const { certificate: cert, privateKey: key } = await issueLeaf(authority, {
      hosts: ['localhost'],
      now,
      lifeMs: 60_000,
    });
    ca = authority.certificate;
    const server = createHttpsServer({ cert, key });
    server.on('keylog', (line: Buffer) => {
      log += line.toString();
    });
    const webSockets = new WebSocketServer({ server });
    webSockets.on('connection', (socket) => socket.on('message', (message) => socket.send(message)));
    const target = await listening(server);
    // Somebody between them, who sees bytes and nothing else.
    const between = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      near.pipe(far).pipe(near);
      near.on('data', (bytes: Buffer) => {
        sides.client = Buffer.concat([sides.client, bytes]);
      });
      far.on('data', (bytes: Buffer) => {
        sides.server = Buffer.concat([sides.server, bytes]);
      });
    });
    url = `wss://localhost:${await listening(between)}/relay`;
    closing.push(webSockets, server, between);
  });
  afterAll(() => {
    for (const each of closing) each.close();
  });

  it('is read from what passed by, with the log of its server, and not without it', async () => {
    const socket = new WebSocket(url, { ca });
    await once(socket, 'open');
    sent = [0, 125, 126, 65_535, 65_536].map((length, index) => Buffer.alloc(length, `message ${index}, `));
    const echoed: Buffer[] = [];
    const all = Promise.withResolvers<void>();
    socket.on('message', (message: Buffer) => {
      echoed.push(message);
      if (echoed.length === sent.length) all.resolve();
    });
    for (const message of sent) socket.send(message);
    await all.promise;
    socket.terminate();

    expect(isTls(sides.client)).toBe(true);
    expect(sides.client.includes('message 1')).toBe(false);
    const read = plaintextOf(sides, keyLogOf(log));
    expect(read.client.toString('latin1')).toContain('GET /relay HTTP/1.1');
    expect(read.client.includes('message 1')).toBe(false);
    expect(messagesOf(read.client)).toEqual(Buffer.concat(sent));
    for (const message of sent) expect(read.server.includes(message)).toBe(true);
    expect(() => plaintextOf(sides, keyLogOf(''))).toThrow('does not have the secrets');
  });

  it('has no messages in any bytes that no upgrade comes before', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(messagesOf(Buffer.from(bytes))).toEqual(Buffer.alloc(0));
      }),
    );
  });
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('it listens on a port');
  return address.port;
}
