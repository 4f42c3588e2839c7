import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../telemetry/index.ts';
import { RegistryConnection } from './registry-connection.ts';

/** A registry, and how to ask it. */
async function connectTo(registry: RequestListener) {
  const server = createServer(registry).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = new RegistryConnection(`http://127.0.0.1:${port}`, systemClock);
  onTestFinished(() => {
    connection.close();
    server.closeAllConnections();
    server.close();
  });
  return () => connection.post('/validate', { headers: {}, body: '{}', signal: new AbortController().signal });
}

describe('a connection to registries', () => {
  it('says it again when a kept socket is closed in the moment in which it is used', async () => {
    const sockets: unknown[] = [];
    const post = await connectTo((request, response) => {
      const kept = sockets.includes(request.socket);
      sockets.push(request.socket);
      if (kept) request.socket.destroy();
      else response.end('here');
    });

    expect((await post()).body).toBe('here');
    expect((await post()).body).toBe('here');
    expect(sockets).toHaveLength(3);
    expect(sockets[1]).toBe(sockets[0]);
  });

  it('says it again a few times when a new socket is closed, for the next one may lead to a registry that lives', async () => {
    let asked = 0;
    const post = await connectTo((request) => {
      asked += 1;
      request.socket.destroy();
    });

    await expect(post()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(asked).toBe(7);
  });
});
