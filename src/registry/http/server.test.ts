import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { PRESENCE_PATH, registryPath } from '../../wire/index.ts';
import { DEMO, RegistryFixture } from '../testing/fixture.ts';
import { routeOf } from './route.ts';

describe('the public listener', () => {
  let fixture: RegistryFixture;

  beforeEach(async () => {
    fixture = await RegistryFixture.start({ admin: { host: '127.0.0.1', port: 0 } });
  });
  afterEach(() => fixture.close());

  async function raw(): Promise<Socket> {
    const { hostname, port } = new URL(fixture.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return socket;
  }

  async function everything(socket: Socket): Promise<string> {
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  }

  it.each([
    ['GET', registryPath(DEMO, 'connect'), 405],
    ['POST', '/', 404],
    ['POST', `/cloud/environment/${DEMO}/connect/more`, 404],
    ['POST', `/${'x'.repeat(2000)}`, 404],
    ['GET', '/internal/v1/presence', 404],
  ])('answers %s %s with a status and an error body', async (method, path, status) => {
    const response = await fetch(`${fixture.url}${path}`, { method });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code: 'not_found' } });
  });

  it('ends a request whose body never comes, and one whose head never ends', async () => {
    const slowBody = await raw();
    slowBody.write(
      `POST ${registryPath(DEMO, 'register')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${fixture.tokens.demo}\r\ncontent-length: 100\r\n\r\n{`,
    );
    const slowHead = await raw();
    slowHead.write('POST / HTTP/1.1\r\nhost: x\r\n');
    const answers = await Promise.all([everything(slowBody), everything(slowHead)]);
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 4|$)/);
  });

  it('keeps an idle connection for longer than the client of a real executor, which gives its own up after 90 s', async () => {
    const response = await fetch(`${fixture.url}/`, { method: 'POST' });
    const seconds = /timeout=(\d+)/.exec(response.headers.get('keep-alive') ?? '')?.[1];
    expect(Number(seconds)).toBeGreaterThan(90);
  });

  it('refuses a head over its limit', async () => {
    const socket = await raw();
    const answer = everything(socket);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(30_000)}\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1\.1 431/);
  });

  it('ends the connection of an upgrade that it refused, though its peer keeps it open', async () => {
    const { hostname, port } = new URL(fixture.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.write('GET /internal/v1/presence HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.resume();
    await once(socket, 'end');
    // Writes to a connection that the other end has closed are answered with a reset.
    const cut = new Promise((resolve) => socket.once('error', resolve));
    const poke = setInterval(() => socket.write('still here'), 10);
    await cut;
    clearInterval(poke);
  });

  it('takes no relay that proves itself while it closes: nobody would close its socket', async () => {
    const proof = Promise.withResolvers<{ outcome: 'proven'; ip: undefined }>();
    const asked = Promise.withResolvers<void>();
    const relay = () => {
      asked.resolve();
      return proof.promise;
    };
    await fixture.stopRegistry();
    await fixture.startRegistry({
      presence: { proofs: { relay, operator: () => Promise.resolve({ outcome: 'unknown' }) } },
    });
    const dialled = new WebSocket(`${fixture.url.replace('http', 'ws')}${PRESENCE_PATH}`, {
      headers: { authorization: `Bearer ${fixture.presenceSecret}` },
    });
    const refused = once(dialled, 'unexpected-response');
    dialled.on('error', () => {});
    await asked.promise;
    const closed = fixture.stopRegistry();
    proof.resolve({ outcome: 'proven', ip: undefined });
    const [, response] = await refused;
    expect(response.statusCode).toBe(503);
    await closed;
  });

  it('says on its own listener whether it lives and is ready, and measures answers without names', async () => {
    await fixture.connect(DEMO, fixture.tokens.bob);
    expect((await fetch(`${fixture.adminUrl}/livez`)).status).toBe(200);
    expect(await (await fetch(`${fixture.adminUrl}/readyz`)).text()).toContain('waiting for the snapshots');
    fixture.clock.advance(10_000);
    expect((await fetch(`${fixture.adminUrl}/readyz`)).status).toBe(200);
    const text = await (await fetch(`${fixture.adminUrl}/metrics`)).text();
    expect(text).toContain('noisefleet_registry_answers_total{call="connect",status="403",code="not_authorized"} 1');
    expect(text).not.toContain('alice');
  });

  it('finds a route for every target without failing, and calls only for the three', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webPath(), fc.string()), (target) => {
        expect(['call', 'environments', 'presence', 'watch', 'none']).toContain(routeOf(target).kind);
      }),
    );
    expect(routeOf('/cloud/environment/a%2fb/connect')).toEqual({
      kind: 'call',
      call: 'connect',
      environmentId: undefined,
    });
    expect(routeOf(`${registryPath(DEMO, 'validate')}?x=1`)).toEqual({
      kind: 'call',
      call: 'validate',
      environmentId: DEMO,
    });
  });
});
