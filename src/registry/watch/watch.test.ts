import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { parseBootId, type WatchToSidecar, watchPath, watchToRegistry, watchToSidecar } from '../../wire/index.ts';
import { identityHashOf } from '../identity-hash.ts';
import { LOST_GRACE_MS } from '../presence/table.ts';
import { DEMO, LAPTOP, POD_B, RegistryFixture, sha256, someToken } from '../testing/fixture.ts';
import { ScriptedRelay } from '../testing/scripted-relay.ts';

describe('the watch of a sidecar', () => {
  let fixture: RegistryFixture;

  beforeEach(async () => {
    fixture = await RegistryFixture.start();
  });
  afterEach(() => fixture.close());

  function dial(environment = DEMO, token: string = fixture.tokens.demo): WebSocket {
    const url = `${fixture.url.replace('http', 'ws')}${watchPath(environment)}`;
    return new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  }

  /** Everything it hears, in order; the getter waits for that many. */
  function heardBy(socket: WebSocket) {
    const heard: WatchToSidecar[] = [];
    socket.on('message', (data) => {
      const message = watchToSidecar.parse(String(data));
      if (message !== undefined) heard.push(message);
    });
    return async (count: number) => {
      await fixture.until(() => heard.length >= count);
      return heard;
    };
  }

  async function statusAndCode(socket: WebSocket): Promise<unknown[]> {
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    let body = '';
    for await (const chunk of response) body += chunk;
    return [response.statusCode, JSON.parse(body).error.code];
  }

  it('hears the denies that stand, then new ones of its environment, without any relay', async () => {
    await fixture.change((file) => {
      file.grants = [];
    });
    const heard = heardBy(dial());
    const [hello] = await heard(1);
    const deny = {
      environmentId: DEMO,
      match: { identityHash: identityHashOf('sa:default/alice') },
      reason: 'grant_ended',
    };
    expect(hello).toMatchObject({ type: 'hello', denies: [deny] });
    await fixture.change((file) => {
      fixture.environment(DEMO, file).incarnation = POD_B;
    });
    expect((await heard(2))[1]).toMatchObject({
      type: 'deny',
      deny: { match: { incarnation: 'pod-a' }, reason: 'superseded' },
    });
  });

  it('is told to register again when its keys changed', async () => {
    const heard = heardBy(dial());
    await heard(1);
    await fixture.change((file) => {
      fixture
        .environment(DEMO, file)
        .keys.push({ id: 'k2', fingerprint: fixture.fingerprint('k2'), state: 'Prepared' });
    });
    expect((await heard(2))[1]).toEqual({ type: 'refresh' });
  });

  it('is told how many relays serve, and when one goes away', async () => {
    const relay = await ScriptedRelay.present(fixture);
    const other = await ScriptedRelay.present(fixture, { bootId: 'relay-boot-2', port: 7002 });
    const heard = heardBy(dial());
    expect((await heard(2))[1]).toEqual({ type: 'relays', count: 2 });
    // What another relay says of it changes nothing here.
    relay.say({ type: 'lost', bootId: parseBootId('relay-boot-2') });
    await relay.settled(fixture);
    other.say({ type: 'load', streams: 0, bytesPerSecond: 0, draining: false });
    other.say({ type: 'load', streams: 0, bytesPerSecond: 0, draining: true });
    expect((await heard(3))[2]).toEqual({ type: 'relays', count: 1 });
    relay.socket.terminate();
    expect((await heard(4))[3]).toEqual({ type: 'relays', count: 0 });
  });

  it('is told which relay was lost when that is not back soon, and no more once it is', async () => {
    await ScriptedRelay.present(fixture);
    const gone = await ScriptedRelay.present(fixture, { bootId: 'relay-boot-2', port: 7002 });
    const heard = heardBy(dial());
    await heard(2);
    gone.socket.terminate();
    expect((await heard(3))[2]).toEqual({ type: 'relays', count: 1 });
    fixture.clock.advance(LOST_GRACE_MS);
    expect((await heard(4))[3]).toEqual({ type: 'relays', count: 1, notForwarding: ['relay-boot-2'] });
    await ScriptedRelay.present(fixture, { bootId: 'relay-boot-2', port: 7002 });
    expect((await heard(6)).slice(4)).toEqual([
      { type: 'relays', count: 1 },
      { type: 'relays', count: 2 },
    ]);
  });

  it('gets a new deny when access ends a second time: a sidecar enforces each id once', async () => {
    const heard = heardBy(dial());
    await heard(1);
    const grants = fixture.file.grants;
    for (const each of [[], grants, []]) {
      fixture.clock.advance(10);
      await fixture.change((file) => {
        file.grants = each;
      });
    }
    const [, first, lifted, second] = await heard(4);
    expect([first?.type, lifted?.type, second?.type]).toEqual(['deny', 'undeny', 'deny']);
    expect(first?.type === 'deny' && second?.type === 'deny' && first.deny.id !== second.deny.id).toBe(true);
  });

  it('answers pings, takes acknowledgements and reports, and ends at a malformed message', async () => {
    const socket = dial();
    const heard = heardBy(socket);
    await heard(1);
    socket.send(watchToRegistry.encode({ type: 'ping', nonce: 'n' }));
    expect((await heard(2))[1]).toEqual({ type: 'pong', nonce: 'n' });
    socket.send(watchToRegistry.encode({ type: 'ack', denyId: 'd' }));
    socket.send(watchToRegistry.encode({ type: 'report', keys: [], sessions: 0 }));
    await fixture.until(() => fixture.logged('deny acknowledged').length === 1);
    const closed = once(socket, 'close');
    socket.send('{');
    expect((await closed)[0]).toBe(1008);
  });

  it('is cut after 10 s of silence', async () => {
    const socket = dial();
    const heard = heardBy(socket);
    await heard(1);
    const closed = once(socket, 'close');
    socket.pause();
    fixture.clock.advance(15_000);
    socket.resume();
    expect((await closed)[0]).toBe(1006);
  });

  it('refuses strangers, other environments and replaced pods', async () => {
    expect(await statusAndCode(dial(DEMO, someToken()))).toEqual([401, 'token_invalid']);
    expect(await statusAndCode(dial(LAPTOP))).toEqual([404, 'not_found']);
    const next = someToken();
    await fixture.change((file) => {
      Object.assign(fixture.environment(DEMO, file), { incarnation: POD_B, executorTokenSha256: [sha256(next)] });
    });
    expect(await statusAndCode(dial())).toEqual([403, 'superseded']);
  });
});
