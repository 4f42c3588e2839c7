import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../wire/index.ts';
import { eventually, Fixture } from './testing/fixture.ts';
import type { ExecutorSocket } from './testing/scripted-relay.ts';
import { sessionIn, TestHarness } from './testing/test-harness.ts';

let fixture: Fixture;
afterEach(() => fixture.close());

/** What the relay was told about the key of a socket: whether it takes new streams. */
const servings = ({ control }: ExecutorSocket) =>
  control.flatMap((message) => (message.type === 'serving' ? [message.serving] : []));

describe('keys that change', () => {
  it('serves a new key beside the old one without touching its streams', async () => {
    fixture = await Fixture.start();
    const old = await fixture.harness({ key: 'k1' });
    await old.initialize();
    fixture.addKey('k2');
    const fresh = await fixture.harness({ key: 'k2' });
    await fresh.initialize();
    expect(await old.request('echo', { n: 1 })).toMatchObject({ result: { echo: { n: 1 } } });
    const again = await fixture.harness({ key: 'k1' });
    expect(sessionIn(await again.initialize())).toBeDefined();
  });

  it('tells every socket the sessions of all keys', async () => {
    fixture = await Fixture.start();
    await (await fixture.harness({ key: 'k1' })).initialize();
    fixture.addKey('k2');
    const socket = await fixture.socket('k2');
    expect(socket.control[0]).toMatchObject({ sessions: [{ registrationId: fixture.registrationOf('k1') }] });
  });

  it('lets attached streams go on after their key is gone, and takes no new ones', async () => {
    fixture = await Fixture.start();
    fixture.addKey('k2');
    await fixture.socket('k2');
    const attached = await fixture.harness({ key: 'k1' });
    await attached.initialize();
    const socket = await fixture.socket('k1');
    fixture.removeKey('k1');
    await eventually(() => fixture.log.lines('registration retired').length > 0);
    await eventually(() => servings(socket).at(-1) === false);
    expect(await attached.request('echo', { n: 2 })).toMatchObject({ result: { echo: { n: 2 } } });
    const executorKey = fixture.key('k1').publicKey;
    const late = new TestHarness({ socket, environmentId: fixture.registry.environmentId, executorKey });
    late.knock();
    expect(await late.reset).toBeDefined();
    attached.leave();
    await eventually(() => socket.socket.readyState === socket.socket.CLOSED);
    await (await fixture.harness({ key: 'k2' })).initialize();
  });

  it('says which keys it has in memory: one that is gone no longer, while its streams go on', async () => {
    fixture = await Fixture.start();
    fixture.addKey('k2');
    await fixture.socket('k2');
    const attached = await fixture.harness({ key: 'k1' });
    await attached.initialize();
    const loaded = () => fixture.registry.heard.findLast((message) => message.type === 'report')?.loaded;
    const [k1, k2] = ['k1', 'k2'].map((id) => fingerprintOf(fixture.key(id).publicKey));
    await eventually(() => loaded()?.length === 2);
    expect(loaded()).toEqual([k1, k2]);
    fixture.removeKey('k1');
    await eventually(() => loaded()?.length === 1);
    expect(loaded()).toEqual([k2]);
    expect(await attached.request('echo', { n: 3 })).toMatchObject({ result: { echo: { n: 3 } } });
  });

  it('serves a key whose file came back while its streams went on', async () => {
    fixture = await Fixture.start();
    const attached = await fixture.harness({ key: 'k1' });
    await attached.initialize();
    const file = readFileSync(fixture.path('keys', 'k1.json'));
    fixture.removeKey('k1');
    await eventually(() => fixture.log.lines('key out of memory').length > 0);
    writeFileSync(fixture.path('keys', 'k1.json'), file, { mode: 0o600 });
    const { control } = await fixture.socket('k1');
    await eventually(() => control.some((message) => message.type === 'serving' && message.serving));
    await (await fixture.harness({ key: 'k1' })).initialize();
    expect(await attached.request('echo', { n: 4 })).toMatchObject({ result: { echo: { n: 4 } } });
  });

  it('cannot resume under a new key what was opened under one that is gone', async () => {
    fixture = await Fixture.start();
    fixture.addKey('k2');
    await fixture.socket('k2');
    const first = await fixture.harness({ key: 'k1' });
    const session = sessionIn(await first.initialize());
    fixture.removeKey('k1');
    await eventually(() => fixture.log.lines('registration retired').length > 0);
    first.leave();
    const second = await fixture.harness({ key: 'k2', keypair: first.keypair });
    expect(await second.initialize(session)).toMatchObject({ error: { code: -32600 } });
    expect(sessionIn(await second.initialize())).not.toBe(session);
    const table = (await fixture.socket('k2')).control.findLast((message) => message.type === 'sessions');
    expect(table).toMatchObject({ sessions: [{ registrationId: fixture.registrationOf('k2') }] });
  });

  it('goes on with a key that comes back before its last stream ended', async () => {
    fixture = await Fixture.start();
    const attached = await fixture.harness({ key: 'k1' });
    await attached.initialize();
    const { mkdirSync, renameSync } = await import('node:fs');
    mkdirSync(fixture.path('aside'));
    renameSync(fixture.path('keys', 'k1.json'), fixture.path('aside', 'k1.json'));
    await eventually(() => fixture.log.lines('registration retired').length > 0);
    renameSync(fixture.path('aside', 'k1.json'), fixture.path('keys', 'k1.json'));
    await eventually(() => fixture.registry.registered.length === 2);
    const socket = await fixture.socket('k1');
    await eventually(() => servings(socket).join() === 'false,true');
    const fresh = await eventually(async () => fixture.harness({ key: 'k1' }).catch(() => undefined));
    expect(await fresh?.initialize()).toBeDefined();
    expect(fixture.relay.accepted.length).toBe(1);
    expect(await attached.request('echo', {})).toMatchObject({ result: {} });
  });

  it('drops a key that the registry does not take and keeps the others', async () => {
    fixture = await Fixture.start();
    await fixture.socket('k1');
    fixture.registry.registerAnswer = () => ({
      status: 403,
      body: { error: { code: 'key_not_current', message: 'no' } },
    });
    fixture.addKey('k2');
    await eventually(() => fixture.log.lines('key not taken by the registry').length > 0);
    expect(sessionIn(await (await fixture.harness({ key: 'k1' })).initialize())).toBeDefined();
    expect(fixture.relay.accepted.length).toBe(1);
  });
});
