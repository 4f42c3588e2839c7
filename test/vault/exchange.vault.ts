import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exchangeOver } from '../../src/keys/vault/exchange.ts';
import { TestAuthority } from '../../src/wire/testing/authority.ts';

/** Of silence; what a test waits for is its end. Milliseconds. */
const TIMEOUT_MS = 300;

describe('what node-vault sends by', () => {
  let authority: TestAuthority;
  let certificate: Awaited<ReturnType<TestAuthority['issue']>>;
  const servers: Server[] = [];

  beforeAll(async () => {
    authority = await TestAuthority.make();
    certificate = await authority.issue();
  });
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  async function vault(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(certificate, answer);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  function ask(uri: string, more: object = {}) {
    const httpsAgent = new Agent({ ca: authority.certificate });
    return exchangeOver({ httpsAgent, timeout: TIMEOUT_MS }).defaults()({ uri, method: 'POST', headers: {}, ...more });
  }

  it.each([0, 1, 2, 70_000])('sends a body of %i bytes as it is, and says how long it is', async (length) => {
    const json = Buffer.alloc(length, 'x');
    let told: string | undefined;
    const address = await vault(async (request, response) => {
      told = request.headers['content-length'];
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end(JSON.stringify({ isSame: Buffer.concat(chunks).equals(json) }));
    });
    const answer = { statusCode: 200, body: { isSame: true }, request: { path: '/v1/kv' } };
    expect(await ask(`${address}/v1/kv`, { json })).toEqual(answer);
    expect([told, json.equals(Buffer.alloc(length, 'x'))]).toEqual([String(length), true]);
  });

  it('gives an answer as bytes to who asks for that, and a refusal with its words', async () => {
    const address = await vault((request, response) => {
      if (request.url === '/v1/sealed') response.writeHead(503);
      response.end('{"errors":["Vault is sealed"]}');
    });
    const { body } = await ask(`${address}/v1/kv`, { asBytes: true });
    expect(Buffer.isBuffer(body) && body.toString()).toBe('{"errors":["Vault is sealed"]}');
    const refusal = { statusCode: 503, body: { errors: ['Vault is sealed'] } };
    expect(await ask(`${address}/v1/sealed`, { asBytes: true })).toMatchObject(refusal);
  });

  it('takes what is no JSON for nothing', async () => {
    const address = await vault((_request, response) => response.writeHead(502).end('<html>a proxy</html>'));
    expect(await ask(`${address}/v1/kv`)).toMatchObject({ statusCode: 502, body: undefined });
  });

  it('asks the node that a standby names, once, with the same body', async () => {
    const active = await vault((request, response) => request.pipe(response));
    const standby = await vault((request, response) => {
      request.resume();
      response.writeHead(307, { location: `${active}${request.url}` }).end();
    });
    const json = Buffer.from('{"a":1}');
    expect(await ask(`${standby}/v1/kv`, { json })).toMatchObject({ statusCode: 200, body: { a: 1 } });
    const lost = await vault((request, response) =>
      response.writeHead(307, { location: `${standby}${request.url}` }).end(),
    );
    expect(await ask(`${lost}/v1/kv`, { json })).toMatchObject({ statusCode: 307 });
  });

  it('gives up who says nothing, and who breaks off', async () => {
    const silent = await vault(() => undefined);
    await expect(ask(`${silent}/v1/kv`)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const broken = await vault((request) => request.socket.destroy());
    await expect(ask(`${broken}/v1/kv`)).rejects.toMatchObject({ code: 'ECONNRESET' });
    const half = await vault((request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{', () => request.socket.destroy());
    });
    await expect(ask(`${half}/v1/kv`)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
