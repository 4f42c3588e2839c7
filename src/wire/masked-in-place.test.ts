import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { maskedInPlace } from './masked-in-place.ts';

it('arrives as it was, from where it lies, without a copy', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const came = once(server, 'connection').then(([peer]) => once(peer, 'message'));
  const socket = new WebSocket(`ws://127.0.0.1:${address.port}`);
  await once(socket, 'open');

  const around = randomBytes(70_000);
  const before = Buffer.from(around);
  const message = around.subarray(100, 65_000);
  socket.send(maskedInPlace(message));
  const [received] = await came;
  socket.terminate();
  server.close();

  expect(received.equals(before.subarray(100, 65_000))).toBe(true);
  expect(message.equals(before.subarray(100, 65_000))).toBe(false);
  expect(around.subarray(0, 100).equals(before.subarray(0, 100))).toBe(true);
  expect(around.subarray(65_000).equals(before.subarray(65_000))).toBe(true);
});
