import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { ChunkPool } from './chunk-pool.ts';
import { Outlet } from './outlet.ts';
import { PackedQueue } from './packed-queue.ts';
import { TurnEnd } from './turn-end.ts';

/** How many chunks for backlogs are away. */
class CountedPool extends ChunkPool {
  away = 0;

  override takeForBacklog(): Buffer {
    this.away += 1;
    return super.takeForBacklog();
  }

  override give(chunk: Buffer): void {
    if (chunk.buffer instanceof SharedArrayBuffer) this.away -= 1;
    super.give(chunk);
  }
}

it('gives back every chunk of a backlog when its socket is destroyed in the middle of a write', async () => {
  const server = createServer((peer) => peer.pause()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket = connect(address.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const pool = new CountedPool();
  const queue = new PackedQueue(pool);
  let taken = 0;
  const settled = ({ messageBytes }: { readonly messageBytes: number }) => {
    taken += messageBytes;
  };
  const outlet = new Outlet({ socket, source: queue, pool, turnEnd: new TurnEnd(), settled });

  // Until the kernel takes no more: then a batch of chunks for backlogs is half written.
  const message = Buffer.alloc(60_000);
  for (let before = -1; before !== taken || queue.messageBytes === 0; ) {
    before = taken;
    for (let sent = 0; sent < 100; sent += 1) queue.append(message);
    outlet.flush();
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const waiting = queue.messageBytes / message.length;
  expect(pool.away).toBeGreaterThan(waiting);

  queue.clear();
  expect(pool.away).toBeGreaterThan(0);
  socket.destroy();
  await once(socket, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  expect(pool.away).toBe(0);
  server.close();
});
