import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { systemClock } from '../../telemetry/index.ts';
import { dialRelay } from './dial.ts';

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** As a Service in front of relays of which the first `dead` that it chooses are gone, and one lives. */
async function balanced(dead: number): Promise<{ url: string; dials: () => number }> {
  const relay = new WebSocketServer({ noServer: true });
  const http = createHttpServer();
  http.on('upgrade', (request, socket, head) => relay.handleUpgrade(request, socket, head, () => {}));
  let dials = 0;
  const server: Server = createServer((socket) => {
    dials += 1;
    if (dials <= dead) socket.resetAndDestroy();
    else http.emit('connection', socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server, relay);
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, dials: () => dials };
}

describe('dialling a relay', () => {
  it('finds the one that lives among those that were killed a moment ago', async () => {
    const { url, dials } = await balanced(3);
    const socket = await dialRelay({ url, clock: systemClock });
    expect(dials()).toBe(4);
    socket.terminate();
  });

  it('ends after five dials that nobody took', async () => {
    const { url, dials } = await balanced(100);
    await expect(dialRelay({ url, clock: systemClock })).rejects.toMatchObject({
      code: 'relay_unreachable',
      retryable: true,
    });
    expect(dials()).toBe(5);
  });

  it('ends at once when it is given up between two dials', async () => {
    const { url, dials } = await balanced(100);
    const giveUp = new AbortController();
    const dialling = dialRelay({ url, clock: systemClock, signal: giveUp.signal });
    giveUp.abort();
    await expect(dialling).rejects.toMatchObject({ code: 'aborted' });
    expect(dials()).toBeLessThan(2);
  });
});
