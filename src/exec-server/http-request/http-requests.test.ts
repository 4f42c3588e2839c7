import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, type Json, type TestClient } from '../testing/fixture.ts';

let fixture: Fixture;
let client: TestClient;
const servers: Server[] = [];
let url: string;
let otherUrl: string;

beforeAll(async () => {
  fixture = await Fixture.start();
  client = await fixture.open();
  [url, otherUrl] = [await listen(), await listen()];
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await fixture.close();
});

async function listen(): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const target = new URL(request.url ?? '/', 'http://x');
  if (target.pathname === '/redirect') {
    response
      .writeHead(Number(target.searchParams.get('status')), { location: target.searchParams.get('to') ?? '/loop' })
      .end();
  } else if (target.pathname === '/again') {
    response.writeHead(302, { location: '/again' }).end();
  } else if (target.pathname === '/big') {
    response.end(Buffer.alloc(5_000_000, 'x'));
  } else if (target.pathname === '/silent') {
    // Never answered.
  } else {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { authorization, cookie, accept } = request.headers;
      response.end(
        JSON.stringify({
          method: request.method,
          authorization,
          cookie,
          accept,
          body: Buffer.concat(parts).toString(),
        }),
      );
    });
  }
}

async function fetch(path: string, members: object = {}): Promise<Json> {
  const params = { method: 'GET', url: path.startsWith('http') ? path : url + path, requestId: 'r', ...members };
  const { status, bodyBase64 } = await client.call('http/request', params);
  const body = Buffer.from(bodyBase64, 'base64').toString();
  return { status, body: body.startsWith('{') ? JSON.parse(body) : body };
}

const authorization = [{ name: 'Authorization', value: 'Bearer x' }];

describe('http/request', () => {
  it('sends and receives', async () => {
    const sent = { method: 'POST', bodyBase64: Buffer.from('hi').toString('base64'), headers: authorization };
    expect(await fetch('/', sent)).toEqual({
      status: 200,
      body: { method: 'POST', authorization: 'Bearer x', accept: '*/*', body: 'hi' },
    });
  });

  it.each([
    [302, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', 'hi'],
    [308, 'POST', 'hi'],
  ])('follows a redirect by %i as %s', async (status, method, body) => {
    const sent = { method: 'POST', bodyBase64: Buffer.from('hi').toString('base64'), headers: authorization };
    expect((await fetch(`/redirect?status=${status}&to=/`, sent)).body).toMatchObject({
      method,
      body,
      authorization: 'Bearer x',
    });
  });

  it('takes no credentials to another origin', async () => {
    const { body } = await fetch(`/redirect?status=302&to=${otherUrl}/`, { headers: authorization });
    expect(body.authorization).toBeUndefined();
  });

  it('stops at a redirect when asked to, and after ten of them', async () => {
    expect(await fetch('/redirect?status=302&to=/', { redirectPolicy: 'stop' })).toMatchObject({ status: 302 });
    await expect(fetch('/again')).rejects.toMatchObject({
      code: -32603,
      message: expect.stringContaining('redirects'),
    });
  });

  it('streams a body in order, up to its end', async () => {
    expect(await fetch('/big', { streamResponse: true, requestId: 's' })).toEqual({ status: 200, body: '' });
    const deltas = () =>
      client.notifications.filter(({ params }) => params.requestId === 's').map(({ params }) => params);
    await client.until(() => deltas().some(({ done }) => done));
    expect(deltas().map(({ seq }) => seq)).toEqual(deltas().map((_, index) => index + 1));
    const total = deltas().reduce((sum, { deltaBase64 }) => sum + Buffer.from(deltaBase64, 'base64').length, 0);
    expect(total).toBe(5_000_000);
    expect(deltas().at(-1)).toMatchObject({ done: true, error: null, deltaBase64: '' });
  });

  it.each<[string, object, number]>([
    ['no answer in time', { url: '/silent', timeoutMs: 20 }, -32603],
    ['nobody there', { url: 'http://127.0.0.1:1/' }, -32603],
    ['another scheme', { url: 'ftp://x/' }, -32602],
    ['no URL', { url: 'nope:' }, -32602],
    ['no method', { method: 'B D' }, -32602],
    ['a header from the environment', { headers: [{ name: 'x', value: '', valueEnvVar: 'HOME' }] }, -32602],
  ])('fails with a code: %s', async (_name, members, code) => {
    const { url: path = '/' } = members as { url?: string };
    const params = { method: 'GET', requestId: 'r', ...members, url: path.startsWith('/') ? url + path : path };
    expect((await client.ask('http/request', params)).error.code).toBe(code);
  });

  it('holds nobody up who waits beside it, and ends with the connection', async () => {
    const own = await fixture.open();
    void own.ask('http/request', { method: 'GET', url: `${url}/silent`, requestId: 'r' });
    expect(await own.call('environment/status')).toEqual({ status: 'ready' });
    const server = servers[0];
    const open = () => new Promise<number>((resolve) => server?.getConnections((_error, count) => resolve(count)));
    await expect.poll(open).toBeGreaterThan(0);
    await own.disconnect();
    await expect.poll(open).toBe(0);
  });
});
