import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Json } from '../../../src/exec-server/testing/fixture.ts';
import { encode, outcome, useBothPeers } from './both-peers.ts';

const same = useBothPeers();

let web: Server;
let webUrl: string;

beforeAll(async () => {
  web = createServer(answerWeb).listen(0, '127.0.0.1');
  await once(web, 'listening');
  const address = web.address();
  webUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});
afterAll(() => {
  web.closeAllConnections();
  web.close();
});

describe('http/request', () => {
  /** What a proxy or a clock puts in, and how long a connection is kept. */
  const volatile = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length']);

  it.each<[string, object]>([
    ['GET', { path: '/echo' }],
    [
      'headers',
      {
        path: '/echo',
        headers: [
          { name: 'X-B', value: '1' },
          { name: 'X-B', value: '2' },
        ],
      },
    ],
    ['POST', { path: '/echo', method: 'POST', bodyBase64: encode('hi') }],
    ['a redirect', { path: '/found' }],
    ['a redirect of a POST', { path: '/found', method: 'POST', bodyBase64: encode('hi') }],
    ['a redirect that keeps the method', { path: '/temporary', method: 'POST', bodyBase64: encode('hi') }],
    ['a redirect not followed', { path: '/found', redirectPolicy: 'stop' }],
    ['redirects without end', { path: '/loop' }],
    ['a body that stays encoded', { path: '/encoded' }],
    ['a body that ends early', { path: '/cut' }],
    ['no answer in time', { path: '/silent', timeoutMs: 100 }],
    ['nobody there', { url: 'http://127.0.0.1:1/' }],
    ['another scheme', { url: 'ftp://x/' }],
    ['no URL', { url: 'nope' }],
    ['no method', { path: '/echo', method: 'B D' }],
    ['no header', { path: '/echo', headers: [{ name: 'a b', value: 'x' }] }],
    ['no base64', { path: '/echo', bodyBase64: 'a' }],
    ['a streamed body', { path: '/echo', streamResponse: true }],
    ['a streamed body that ends early', { path: '/cut', streamResponse: true }],
  ])('answers the same: %s', async (_name, { path, ...members }: Json) => {
    await same(async (client) => {
      const url = `${webUrl}${path ?? ''}`;
      const result = await outcome(client, 'http/request', { method: 'GET', url, requestId: 'r', ...members });
      if (members.streamResponse) await client.until(() => client.notifications.some(({ params }) => params.done));
      const deltas = client.notifications.map(({ params }) => ({
        ...params,
        error: params.error === null ? null : 'an error',
      }));
      const headers = result.headers?.filter(({ name }: Json) => !volatile.has(name));
      return { ...result, ...(headers && { headers }), deltas };
    });
  });
});

function answerWeb(request: IncomingMessage, response: ServerResponse): void {
  const redirects: Record<string, [number, string]> = {
    '/found': [302, '/echo'],
    '/temporary': [307, '/echo'],
    '/loop': [302, '/loop'],
  };
  const redirect = redirects[request.url ?? ''];
  if (redirect) {
    response.writeHead(redirect[0], { location: redirect[1] }).end('moved');
  } else if (request.url === '/encoded') {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('not really');
  } else if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': '100' }).write('abc', () => setTimeout(() => response.destroy(), 50));
  } else if (request.url === '/echo') {
    const { 'x-b': header, accept } = request.headers;
    request
      .setEncoding('utf8')
      .reduce((body: string, part: string) => body + part, '')
      .then(
        (body) =>
          response.setHeader('x-a', ['1', '2']).end(JSON.stringify({ method: request.method, header, accept, body })),
        () => response.destroy(),
      );
  }
}
