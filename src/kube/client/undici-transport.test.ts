import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { configMaps } from '../objects/builtin.ts';
import { listenOnHttp, MemoryApiServer } from '../testing/index.ts';
import { CachedCredentials, type Credentials } from './credentials.ts';
import { UndiciTransport } from './undici-transport.ts';

const GET = { method: 'GET', path: '/version', step: 'get the version' } as const;

describe('UndiciTransport', () => {
  let closing: (() => Promise<void>)[];
  beforeEach(() => {
    closing = [];
  });
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function listen(server: Server, port = 0): Promise<number> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  function transportTo(
    port: number,
    read: () => Credentials = () => ({ headers: {}, tls: {} }),
    clock = new ManualClock(),
  ) {
    const credentials = new CachedCredentials(async () => read(), clock);
    const transport = new UndiciTransport({ server: `http://127.0.0.1:${port}`, credentials, userAgent: 'test' });
    closing.push(() => transport.close());
    return transport;
  }

  async function status(transport: UndiciTransport): Promise<number> {
    const response = await transport.send(GET);
    for await (const _ of response.body);
    return response.status;
  }

  it('uses a token for at most a minute, and a new one at once after a 401', async () => {
    const seen: (string | undefined)[] = [];
    let accepted = 'Bearer 1';
    const port = await listen(
      createServer((request, response) => {
        seen.push(request.headers.authorization);
        response.writeHead(request.headers.authorization === accepted ? 200 : 401).end('{}');
      }),
    );
    const clock = new ManualClock();
    let token = 1;
    const transport = transportTo(port, () => ({ headers: { authorization: `Bearer ${token}` }, tls: {} }), clock);

    expect(await status(transport)).toBe(200);
    token = 2;
    expect(await status(transport)).toBe(200);
    clock.advance(60_000);
    expect(await status(transport)).toBe(401);
    accepted = 'Bearer 3';
    token = 3;
    expect(await status(transport)).toBe(200);
    expect(seen).toEqual(['Bearer 1', 'Bearer 1', 'Bearer 2', 'Bearer 2', 'Bearer 2', 'Bearer 3']);
  });

  it('leaves the idle sockets of a server that died, after one failed call', async () => {
    const first = createServer((_request, response) => response.end('{}'));
    const port = await listen(first);
    const transport = transportTo(port);
    expect(await Promise.all([status(transport), status(transport), status(transport)])).toEqual([200, 200, 200]);
    first.closeAllConnections();
    await new Promise((resolve) => first.close(resolve));
    await expect(status(transport)).rejects.toMatchObject({ code: 'Unreachable', retryable: true });

    await listen(
      createServer((_request, response) => response.end('{}')),
      port,
    );

    expect(await status(transport)).toBe(200);
  });

  it('reads a watch in whatever pieces it comes, and ends it by its signal', async () => {
    const server = new MemoryApiServer({ clock: systemClock });
    const { url, close } = await listenOnHttp(server);
    closing.push(close);
    const transport = transportTo(Number(new URL(url).port));
    const stop = new AbortController();
    const response = await transport.send({
      ...GET,
      path: '/api/v1/configmaps?watch=true&resourceVersion=1',
      longLived: true,
      signal: stop.signal,
    });
    const reading = (async () => {
      for await (const _ of response.body);
    })();
    await server.api().create(configMaps, { metadata: { namespace: 'a', name: 'x' } });
    stop.abort(new Error('enough'));

    await expect(reading).rejects.toThrow('enough');
  });
});
