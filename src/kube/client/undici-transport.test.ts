import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../telemetry/index.ts';
import { configMaps } from '../objects/builtin.ts';
import { listenOnHttp, ManualClock, MemoryApiServer } from '../testing/index.ts';
import { connectToCluster } from './cluster.ts';
import { CachedCredentials, type Credentials } from './credentials.ts';
import { KubeconfigError, readKubeconfig } from './kubeconfig.ts';
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

describe('readKubeconfig', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function kubeconfig(user: string, cluster = 'server: https://api.invalid:6443'): Promise<string> {
    const path = join(folder, 'config');
    const contexts = '- {name: one, context: {cluster: c, user: u, namespace: team-a}}';
    await writeFile(
      path,
      `apiVersion: v1\nkind: Config\ncurrent-context: one\ncontexts:\n${contexts}\nclusters:\n- name: c\n  cluster: {${cluster}}\nusers:\n- name: u\n  user: {${user}}\n`,
    );
    return path;
  }

  it('reads a token file anew each time, without its newline', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'first\n');
    const path = await kubeconfig(`auth-provider: {name: tokenFile, config: {tokenFile: "${tokenFile}"}}`);
    const { source, namespace, server } = await readKubeconfig({ kubeconfig: path });
    const before = await source({ afterRefusal: false });
    await writeFile(tokenFile, 'second\n');
    const after = await source({ afterRefusal: false });

    expect({ namespace, server }).toEqual({ namespace: 'team-a', server: 'https://api.invalid:6443' });
    expect([before.headers.authorization, after.headers.authorization]).toEqual(['Bearer first', 'Bearer second']);
  });

  it('hands over the CA and a token given by hand, without the client certificate', async () => {
    const ca = Buffer.from('the CA').toString('base64');
    const path = await kubeconfig(
      'client-certificate-data: Y2VydA==, client-key-data: a2V5',
      `server: https://api.invalid, certificate-authority-data: ${ca}`,
    );
    const { source } = await readKubeconfig({ kubeconfig: path, token: 'mine' });
    const { headers, tls } = await source({ afterRefusal: false });

    expect(headers).toEqual({ authorization: 'Bearer mine' });
    expect([String(tls.ca), tls.cert, tls.key]).toEqual(['the CA', undefined, undefined]);
  });

  it.each([
    ['unreadable', { kubeconfig: '/nowhere/at/all' }],
    ['unknown_name', { context: 'two' }],
    ['unknown_name', { user: 'nobody' }],
  ])('says %s', async (code, options) => {
    const path = await kubeconfig('token: t');
    const call = connectToCluster({ kubeconfig: path, clock: systemClock, ...options });

    await expect(call).rejects.toMatchObject({ name: KubeconfigError.name, code });
  });

  it('refuses to send credentials without TLS', async () => {
    const path = await kubeconfig('token: t', 'server: http://api.invalid');

    await expect(readKubeconfig({ kubeconfig: path })).rejects.toMatchObject({ code: 'insecure' });
  });
});
