import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, Fixture } from './testing/fixture.ts';
import { ScriptedExecServer } from './testing/scripted-exec-server.ts';
import { ScriptedRelay } from './testing/scripted-relay.ts';
import { sessionIn } from './testing/test-harness.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

describe('the sidecar', () => {
  it('carries requests of a harness to the exec-server and its answers back', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    expect(await harness.request('echo', { text: 'hello' })).toMatchObject({ result: { echo: { text: 'hello' } } });
    expect(fixture.execServer.sessions.has(session)).toBe(true);
    expect(fixture.log.lines('session opened')).toMatchObject([
      { identity: 'dev:local', grant: 'default/dev', environment: 'team-a_build', key: 'k1' },
    ]);
  });

  it('carries a message of many records both ways', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    await harness.initialize();
    const text = 'ä'.repeat(2_000_000);
    expect(await harness.request('echo', { text })).toMatchObject({ result: { echo: { text } } });
  });

  it('authenticates to the exec-server with a secret of its own, of which the workspace gets the digest', async () => {
    fixture = await Fixture.start();
    await (await fixture.harness()).initialize();
    const token = readFileSync(fixture.path('state', 'exec-server-token'), 'utf8');
    expect([...fixture.execServer.bearers]).toEqual([`Bearer ${token}`]);
    expect(readFileSync(fixture.path('state', 'exec-server-token.sha256'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(statSync(fixture.path('state', 'exec-server-token')).mode & 0o777).toBe(0o600);
  });

  it('reads its registry token again at each use', async () => {
    fixture = await Fixture.start();
    await fixture.socket();
    writeFileSync(fixture.path('token'), 'renewed-token');
    await fixture.harness();
    expect([...fixture.registry.bearers]).toEqual(['Bearer executor-token', 'Bearer renewed-token']);
  });

  it('tells a relay its session table first, and again when it changes', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const socket = await fixture.socket();
    expect(socket.control[0]).toEqual({ type: 'sessions', sessions: [] });
    await harness.initialize();
    const told = await eventually(() => socket.control.findLast((message) => message.type === 'sessions'));
    expect(told).toMatchObject({ sessions: [{ registrationId: socket.registrationId }] });
  });

  it('keeps the stream waiting while the exec-server starts', async () => {
    fixture = await Fixture.prepare();
    const { port, url: execServerUrl } = fixture.execServer;
    await fixture.execServer.close();
    await fixture.startExecutor({ execServerUrl });
    const harness = await fixture.harness();
    const answer = harness.initialize();
    fixture.execServer = await ScriptedExecServer.start(port);
    expect(sessionIn(await answer)).toBeDefined();
  });

  it('comes back after its relay died, and its harness resumes', async () => {
    fixture = await Fixture.start();
    const { port } = fixture.relay;
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    await fixture.relay.close();
    fixture.relay = await ScriptedRelay.start(port);
    const again = await fixture.harness({ keypair: harness.keypair });
    expect(sessionIn(await again.initialize(session))).toBe(session);
    expect((await fixture.socket()).control[0]).toMatchObject({
      sessions: [{ registrationId: fixture.registrationOf('k1') }],
    });
  });

  it('never gives up while the registry is away', async () => {
    fixture = await Fixture.prepare();
    let calls = 0;
    fixture.registry.registerAnswer = () => {
      calls += 1;
      return calls < 4
        ? { status: [500, 409, 401][calls % 3] ?? 500, body: { error: { code: 'x', message: 'y' } } }
        : undefined;
    };
    await fixture.startExecutor();
    await fixture.harness();
    expect(calls).toBe(4);
  });

  it('registers again when a relay refuses its ticket', async () => {
    fixture = await Fixture.prepare();
    let refusals = 2;
    fixture.relay.refusal = () => (refusals-- > 0 ? { status: 403, code: 'ticket_expired' } : undefined);
    await fixture.startExecutor();
    await fixture.socket();
    expect(fixture.registry.registered.length).toBe(3);
  });

  it('dials the same URL again when a relay is overloaded', async () => {
    fixture = await Fixture.prepare();
    let refusals = 2;
    fixture.relay.refusal = () => (refusals-- > 0 ? { status: 503, code: 'overloaded' } : undefined);
    await fixture.startExecutor();
    await fixture.socket();
    expect(fixture.registry.registered.length).toBe(1);
  });

  it('is ready when a registration is on a live relay socket', async () => {
    fixture = await Fixture.prepare();
    const executor = await fixture.startExecutor({ admin: { host: '127.0.0.1', port: 0 } });
    await fixture.socket();
    await eventually(() => fixture.log.lines('relay socket open').length > 0);
    expect((await fetch(`${executor.adminUrl}/readyz`)).status).toBe(200);
    fixture.relay.refusal = () => ({ status: 503, code: 'draining' });
    for (const { socket } of fixture.relay.live) socket.terminate();
    await eventually(() => fixture.log.lines('relay socket closed').length > 0);
    expect((await fetch(`${executor.adminUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${executor.adminUrl}/livez`)).status).toBe(200);
    expect(await (await fetch(`${executor.adminUrl}/metrics`)).text()).toContain('noisefleet_executor_streams 0');
  });

  it('leaves no secret in its log', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness({ authorization: 'authorization-of-this-stream' });
    const session = sessionIn(await harness.initialize());
    await fixture.executor?.close();
    const log = JSON.stringify(fixture.log.lines());
    const token = readFileSync(fixture.path('state', 'exec-server-token'), 'utf8');
    for (const secret of ['executor-token', token, session, 'ticket=', 'head.']) expect(log).not.toContain(secret);
  });
});
