import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { generateKeypair } from '../noise/index.ts';
import { createMetrics } from '../telemetry/index.ts';
import { watchToRegistry } from '../wire/index.ts';
import { aSession } from './testing/builders.ts';
import { eventually, Fixture } from './testing/fixture.ts';
import { sessionIn } from './testing/test-harness.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

const refused = { error: { code: -32600 } };

describe('sessions', () => {
  it('are resumed by the harness key that opened them', async () => {
    const metrics = createMetrics({ component: 'executor', version: 'test' });
    fixture = await Fixture.start({ metrics });
    const first = await fixture.harness();
    const session = sessionIn(await first.initialize());
    first.leave();
    const second = await fixture.harness({ keypair: first.keypair });
    expect(sessionIn(await second.initialize(session))).toBe(session);
    expect(fixture.log.lines('session resumed').length).toBe(1);
    expect(await metrics.text()).toContain('noisefleet_executor_session_gap_seconds_count 1\n');
  });

  it('are refused to another harness key, and the exec-server never hears of it', async () => {
    fixture = await Fixture.start();
    const owner = await fixture.harness();
    const session = sessionIn(await owner.initialize());
    owner.leave();
    const thief = await fixture.harness();
    expect(await thief.initialize(session)).toMatchObject(refused);
    expect(fixture.execServer.received.filter((text) => text.includes(session))).toEqual([]);
    expect(sessionIn(await thief.initialize())).not.toBe(session);
  });

  it.each(['00000000-0000-4000-8000-000000000000', '', 'x'.repeat(10_000)])(
    'that nobody opened are refused (%#)',
    async (id) => {
      fixture = await Fixture.start();
      const harness = await fixture.harness();
      expect(await harness.initialize(id)).toMatchObject(refused);
    },
  );

  it('are refused also when the forged resume hides behind another initialize', async () => {
    fixture = await Fixture.start();
    const owner = await fixture.harness();
    const session = sessionIn(await owner.initialize());
    owner.leave();
    const thief = await fixture.harness();
    thief.sendText('{"id":"a","method":"environment/info"}');
    thief.sendText('{"id":"b","method":"initialize","params":{"clientName":"x"}}');
    thief.sendText(
      `{"id":"c","method":"initi\\u0061lize","params":{"clientName":"x","resume\\u0053essionId":"${session}"}}`,
    );
    expect(await thief.message((message) => JSON.stringify(message).includes('"c"'))).toMatchObject(refused);
    expect(fixture.execServer.received.filter((text) => text.includes(session))).toEqual([]);
  });

  it('move to a new stream of the same harness key while the old one is still attached', async () => {
    fixture = await Fixture.start();
    const stuck = await fixture.harness();
    const session = sessionIn(await stuck.initialize());
    const fresh = await fixture.harness({ keypair: stuck.keypair });
    expect(sessionIn(await fresh.initialize(session))).toBe(session);
    expect(await stuck.reset).toBe('noise_relay_protocol_error');
    expect(await fresh.request('echo', {})).toMatchObject({ result: {} });
    expect(fixture.log.lines('stream closed')).toMatchObject([{ reason: 'resumed_elsewhere' }]);
  });

  it('are resumed again by us while the exec-server has not noticed the close of the old stream', async () => {
    fixture = await Fixture.start();
    const first = await fixture.harness();
    const session = sessionIn(await first.initialize());
    const [holder] = fixture.execServer.connections;
    first.leave();
    await eventually(() => fixture.execServer.sessions.get(session) === undefined);
    fixture.execServer.sessions.set(session, holder);
    const second = await fixture.harness({ keypair: first.keypair });
    const answer = second.initialize(session);
    await eventually(() => fixture.execServer.received.filter((text) => text.includes(session)).length > 2);
    fixture.execServer.sessions.set(session, undefined);
    expect(sessionIn(await answer)).toBe(session);
  });

  it('survive a restart of the sidecar', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    await fixture.executor?.close();
    expect(await harness.reset).toBeDefined();
    await fixture.startExecutor();
    const socket = await fixture.socket();
    expect(socket.control[0]).toMatchObject({ sessions: [{ registrationId: socket.registrationId }] });
    const again = await fixture.harness({ keypair: harness.keypair });
    expect(sessionIn(await again.initialize(session))).toBe(session);
    const thief = await fixture.harness({ keypair: generateKeypair() });
    expect(await thief.initialize(session)).toMatchObject(refused);
  });

  it('are on disk before their harness knows them', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    expect(readFileSync(fixture.path('state', 'sessions.json'), 'utf8')).toContain(session);
  });

  it('begin anew when the session file is damaged, which is put aside', async () => {
    fixture = await Fixture.start();
    await (await fixture.harness()).initialize();
    await fixture.executor?.close();
    writeFileSync(fixture.path('state', 'sessions.json'), '{"version":1,"sessions":[{"sessionId":');
    await fixture.startExecutor();
    expect(fixture.log.lines('session file put aside')).toMatchObject([{ code: 'session_file' }]);
    expect(readFileSync(fixture.path('state', 'sessions.json.bad'), 'utf8')).toContain('sessions');
    expect(sessionIn(await (await fixture.harness()).initialize())).toBeDefined();
  });

  it('of everybody else are kept when one of the file cannot be read', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    await fixture.executor?.close();
    const path = fixture.path('state', 'sessions.json');
    const file = JSON.parse(readFileSync(path, 'utf8'));
    const [good] = file.sessions;
    writeFileSync(path, JSON.stringify({ ...file, sessions: [{ ...good, harness: 7 }, good, null] }));
    await fixture.startExecutor();
    expect(fixture.log.lines('sessions left out: they could not be read')).toMatchObject([{ damaged: 2 }]);
    const again = await fixture.harness({ keypair: harness.keypair });
    expect(sessionIn(await again.initialize(session))).toBe(session);
  });

  it('whose processes have ids too long to be remembered end with their stream', async () => {
    fixture = await Fixture.start({ runtime: 'Codex' });
    const harness = await fixture.harness();
    await harness.initialize();
    await harness.request('process/start', { processId: 'p'.repeat(256) });
    harness.sendText(JSON.stringify({ id: 99, method: 'process/start', params: { processId: 'p'.repeat(257) } }));
    expect(await harness.reset).toBeDefined();
    expect(fixture.execServer.received.some((text) => text.includes('p'.repeat(257)))).toBe(false);
  });

  it('of many identities are told to a registry in messages that it takes', async () => {
    fixture = await Fixture.prepare();
    const sessions = Array.from({ length: 400 }, (_, n) =>
      aSession({ sessionId: `s${n}`, identityHash: `${n}`.padEnd(256, 'h'), grant: 'g'.repeat(256) }),
    );
    mkdirSync(fixture.path('state'));
    writeFileSync(fixture.path('state', 'sessions.json'), JSON.stringify({ version: 1, sessions }));
    await fixture.startExecutor();
    const told = await eventually(() => {
      const heard = fixture.registry.heard.filter((message) => message.type === 'access');
      return heard.reduce((sum, { entries }) => sum + entries.length, 0) === 400 && heard;
    });
    for (const message of told) expect(watchToRegistry.encode(message).length).toBeLessThanOrEqual(64 * 1024);
  });

  it('are forgotten when the exec-server lost them', async () => {
    fixture = await Fixture.start();
    const first = await fixture.harness();
    const session = sessionIn(await first.initialize());
    first.leave();
    await eventually(() => fixture.execServer.sessions.get(session) === undefined);
    fixture.execServer.sessions.clear();
    const second = await fixture.harness({ keypair: first.keypair });
    expect(await second.initialize(session)).toMatchObject(refused);
    await eventually(() => !readFileSync(fixture.path('state', 'sessions.json'), 'utf8').includes(session));
  });
});
