import { afterEach, describe, expect, it } from 'vitest';
import { type Deny, fingerprintOf } from '../wire/index.ts';
import { eventually, Fixture } from './testing/fixture.ts';
import { ScriptedExecServer } from './testing/scripted-exec-server.ts';
import { sessionIn } from './testing/test-harness.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

function aDeny(match: Deny['match'], reason: Deny['reason'] = 'grant_ended'): Deny {
  const since = Math.floor(Date.now() / 1000);
  return { id: 'deny-1', environmentId: fixture.registry.environmentId, match, reason, since, until: since + 600 };
}

const acked = () => eventually(() => fixture.registry.acks().includes('deny-1'));
const watching = () => eventually(() => fixture.registry.heard.length > 0);

describe('denies', () => {
  it('end the streams and the processes of an identity, and are acknowledged then', async () => {
    fixture = await Fixture.start();
    await watching();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    fixture.registry.deny(aDeny({ identityHash: 'hash-1', grant: 'default/dev' }));
    expect(await harness.reset).toBeDefined();
    await acked();
    expect(fixture.execServer.ended).toEqual([session]);
    expect(fixture.log.lines('session closed')).toMatchObject([{ reason: 'grant_ended', identity: 'dev:local' }]);
  });

  it('end detached sessions too', async () => {
    fixture = await Fixture.start();
    await watching();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    harness.leave();
    fixture.registry.deny(aDeny({ identityHash: 'hash-1' }));
    await acked();
    expect(fixture.execServer.ended).toEqual([session]);
  });

  it('leave other identities alone', async () => {
    fixture = await Fixture.start();
    await watching();
    const harness = await fixture.harness();
    await harness.initialize();
    fixture.registry.deny(aDeny({ identityHash: 'hash-2' }));
    await acked();
    expect(await harness.request('echo', {})).toMatchObject({ result: {} });
    expect(fixture.execServer.ended).toEqual([]);
  });

  it('cut a revoked key and nothing of the other', async () => {
    fixture = await Fixture.start();
    fixture.addKey('k2');
    const first = await fixture.harness({ key: 'k1' });
    const second = await fixture.harness({ key: 'k2' });
    const session = sessionIn(await first.initialize());
    await second.initialize();
    fixture.registry.deny(aDeny({ fingerprint: fingerprintOf(fixture.key('k1').publicKey) }, 'revoked'));
    await first.reset;
    await acked();
    expect(fixture.execServer.ended).toEqual([session]);
    expect(await second.request('echo', {})).toMatchObject({ result: {} });
  });

  it('that came while the sidecar was away are enforced when it is back', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    await fixture.executor?.close();
    fixture.registry.denies = [aDeny({ identityHash: 'hash-1' })];
    await fixture.startExecutor();
    await acked();
    expect(fixture.execServer.ended).toEqual([session]);
  });

  it('for another incarnation change nothing; for our own the sidecar ends everything and stops', async () => {
    fixture = await Fixture.start();
    await watching();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    const { incarnation } = fixture.registry;
    const { parseIncarnation } = await import('../wire/index.ts');
    fixture.registry.deny(aDeny({ incarnation: parseIncarnation('pod-0') }, 'superseded'));
    await acked();
    expect(await harness.request('echo', {})).toMatchObject({ result: {} });
    fixture.registry.deny({ ...aDeny({ incarnation }, 'superseded'), id: 'deny-2' });
    expect(await fixture.executor?.stopped).toBe('superseded');
    expect(fixture.execServer.ended).toEqual([session]);
    expect(fixture.relay.live).toEqual([]);
  });

  it('stops as well when register says that it is superseded, and when a relay says so that the registry bears out', async () => {
    fixture = await Fixture.prepare();
    const gone = () => ({ status: 403, body: { error: { code: 'superseded', message: 'gone' } } });
    fixture.registry.registerAnswer = gone;
    expect(await (await fixture.startExecutor()).stopped).toBe('superseded');
    fixture.registry.registerAnswer = undefined;
    fixture.relay.refusal = () => {
      fixture.registry.registerAnswer = gone;
      return { status: 403, code: 'superseded' };
    };
    expect(await (await fixture.startExecutor()).stopped).toBe('superseded');
  });

  it('ends nothing on the word of a relay alone: one that was stolen could say so', async () => {
    fixture = await Fixture.start();
    const harness = await fixture.harness();
    const session = sessionIn(await harness.initialize());
    let refusals = 2;
    fixture.relay.refusal = () => (refusals-- > 0 ? { status: 403, code: 'superseded' } : undefined);
    for (const { socket } of fixture.relay.live) socket.terminate();
    const again = await fixture.harness({ keypair: harness.keypair });
    expect(sessionIn(await again.initialize(session))).toBe(session);
    expect(fixture.registry.registered.length).toBe(3);
    expect(fixture.execServer.ended).toEqual([]);
  });

  it('terminate the processes one by one where the exec-server cannot end a session', async () => {
    fixture = await Fixture.start({ runtime: 'Codex' });
    await watching();
    const harness = await fixture.harness();
    await harness.initialize();
    await harness.request('process/start', { processId: 'p1', sandbox: { permissions: {} } });
    await harness.request('process/start', { processId: 'p2' });
    fixture.registry.deny(aDeny({ identityHash: 'hash-1' }));
    await acked();
    const terminated = fixture.execServer.received.filter((text) => text.includes('process/terminate'));
    expect(terminated.map((text) => /p\d/.exec(text)?.[0])).toEqual(['p1', 'p2']);
  });

  it('are not acknowledged while the exec-server is not there to end processes', async () => {
    fixture = await Fixture.start();
    await watching();
    const harness = await fixture.harness();
    await harness.initialize();
    const { port } = fixture.execServer;
    await fixture.execServer.close();
    fixture.registry.deny(aDeny({ identityHash: 'hash-1' }));
    await eventually(() => fixture.log.lines('deny received').length > 0);
    expect(fixture.registry.acks()).toEqual([]);
    fixture.execServer = await ScriptedExecServer.start(port);
    await acked();
  });
});
