import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { fingerprintOf, keyHash, PRESENCE_PATH, parseBootId, TicketSigner, TicketVerifier } from '../../wire/index.ts';
import { MAX_HOLD_MS, SAME_KEY_GRACE_MS } from '../api/connect.ts';
import { identityHashOf } from '../identity-hash.ts';
import { DEMO, LAPTOP, POD_A, POD_B, RegistryFixture, sha256, somePublicKey, someToken } from '../testing/fixture.ts';
import { ScriptedRelay, ticketIn } from '../testing/scripted-relay.ts';

describe('presence', () => {
  let fixture: RegistryFixture;

  beforeEach(async () => {
    fixture = await RegistryFixture.start();
    await fixture.change((file) => {
      fixture.environment(DEMO, file).keys.push({ id: 'k2', fingerprint: fixture.fingerprint('k2'), state: 'Active' });
    });
  });
  afterEach(() => fixture.close());

  async function ticketOf(key: 'k1' | 'k2', token = fixture.tokens.demo): Promise<string> {
    return ticketIn((await fixture.register(DEMO, token, fixture.keys[key])).body.url);
  }

  async function registrationServed(harness = somePublicKey()): Promise<string> {
    const answer = await fixture.connect(DEMO, fixture.tokens.alice, harness);
    return answer.status === 200 ? answer.body.executor_registration_id : answer.body.error.code;
  }

  /** Starts a connect that is held, and lets its time pass. */
  async function servedAfter(milliseconds: number, harness = somePublicKey()): Promise<string> {
    const waited = fixture.clock.waited(milliseconds);
    const held = registrationServed(harness);
    await waited;
    fixture.clock.advance(milliseconds);
    return held;
  }

  const offline = () => servedAfter(MAX_HOLD_MS);

  describe('the connection', () => {
    it.each([
      ['no secret', {}],
      ['a wrong secret', { authorization: `Bearer ${someToken()}` }],
    ])('is refused with 401 for %s', async (_what, headers) => {
      const socket = new WebSocket(`${fixture.url.replace('http', 'ws')}${PRESENCE_PATH}`, { headers });
      const [, response] = await once(socket, 'unexpected-response');
      expect(response.statusCode).toBe(401);
      socket.on('error', () => {});
      socket.terminate();
    });

    it('tells keys and denies before it hears anything', async () => {
      const relay = await ScriptedRelay.dial(fixture);
      const hello = await relay.hears('hello');
      expect(hello.ticketKeys).toEqual(fixture.signer.publicJwks(fixture.clock.seconds()));
      expect(hello.denies).toEqual([]);
    });

    it.each([
      [
        'a delta before its hello',
        (relay: ScriptedRelay) => relay.say({ type: 'lost', bootId: parseBootId('relay-boot-9') }),
      ],
      ['text that is no message', (relay: ScriptedRelay) => relay.socket.send('{"v":1')],
      ['another version', (relay: ScriptedRelay) => relay.socket.send('{"v":9,"type":"load"}')],
      ['a binary message', (relay: ScriptedRelay) => relay.socket.send(Buffer.from([1, 2, 3]))],
    ])('ends with 1008 after %s', async (_what, misbehave) => {
      const relay = await ScriptedRelay.dial(fixture);
      const closed = relay.closed();
      misbehave(relay);
      expect(await closed).toBe(1008);
    });

    it('goes on after a message of a type that it does not know', async () => {
      const relay = await ScriptedRelay.present(fixture);
      relay.socket.send('{"v":1,"type":"news"}');
      relay.say({ type: 'add', entry: { ticket: await ticketOf('k1'), sessions: [] } });
      await relay.settled(fixture);
      expect(await registrationServed()).toBe(fixture.registrationId('k1'));
    });

    it('is pinged every 5 s and cut after 10 s of silence, with its entries', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      // A process that is stopped: its kernel still holds the connection.
      relay.socket.pause();
      fixture.clock.advance(15_000);
      await fixture.until(() => fixture.logged('relay lost').length > 0);
      expect(await offline()).toBe('environment_offline');
    });

    it('replaces an earlier life of the relay at the same address at once', async () => {
      const first = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      const closed = first.closed();
      await ScriptedRelay.present(fixture, { bootId: 'relay-boot-2' });
      await closed;
      expect(await offline()).toBe('environment_offline');
    });

    it('is refused to who says that it is a relay that stands elsewhere, which stays', async () => {
      await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      const thief = await ScriptedRelay.dial(fixture);
      const closed = thief.closed();
      thief.say({ type: 'hello', bootId: parseBootId('relay-boot-1'), port: 7002 });
      expect(await closed).toBe(1008);
      expect(await registrationServed()).toBe(fixture.registrationId('k1'));
    });
  });

  describe('entries', () => {
    it('are routes only with a ticket that this registry or its twin signed', async () => {
      const stranger = TicketSigner.generate();
      const now = fixture.clock.seconds();
      const good = await new TicketVerifier(fixture.signer.publicJwks(now)).verifyExecutorTicket(
        await ticketOf('k1'),
        now,
      );
      const forged = await stranger.signExecutorTicket(good, now);
      await ScriptedRelay.present(fixture, { entries: [{ ticket: forged, sessions: [] }] });
      expect(fixture.logged('presence entry refused')).toMatchObject([{ reason: 'ticket_invalid' }]);
      expect(await offline()).toBe('environment_offline');
    });

    it('are refused with an expired ticket, and stay when the ticket expires later', async () => {
      const ticket = await ticketOf('k1');
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket, sessions: [] }] });
      // In steps, with answers to the pings between them.
      for (let i = 0; i < 70; i++) {
        fixture.clock.advance(9_000);
        relay.socket.pong();
        await relay.settled(fixture);
      }
      expect(await registrationServed()).toBe(fixture.registrationId('k1'));
      relay.say({ type: 'remove', registrationId: fixture.registrationId('k1') });
      relay.say({ type: 'add', entry: { ticket, sessions: [] } });
      await relay.settled(fixture);
      expect(fixture.logged('presence entry refused')).toMatchObject([{ reason: 'ticket_expired' }]);
    });

    it('that a relay removes are routes no more when it hears so', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      const registrationId = fixture.registrationId('k1');
      relay.say({ type: 'remove', registrationId });
      expect(await relay.hears('removed')).toEqual({ type: 'removed', registrationId });
      expect(await offline()).toBe('environment_offline');
    });

    it('are gone with a remove and with their relay', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      relay.say({ type: 'remove', registrationId: fixture.registrationId('k1') });
      await relay.settled(fixture);
      expect(await offline()).toBe('environment_offline');
      relay.say({ type: 'add', entry: { ticket: await ticketOf('k1'), sessions: [] } });
      await relay.settled(fixture);
      await relay.leave(fixture);
      expect(await offline()).toBe('environment_offline');
    });
  });

  describe('which key a harness gets', () => {
    it('the newest that is present, though a newer one is listed', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      expect(await registrationServed()).toBe(fixture.registrationId('k1'));
      relay.say({ type: 'add', entry: { ticket: await ticketOf('k2'), sessions: [] } });
      await relay.settled(fixture);
      expect(await registrationServed()).toBe(fixture.registrationId('k2'));
    });

    it('the old one while it has a session there, also after relay and registry were killed and the new key came back first', async () => {
      const harness = somePublicKey();
      const sessions = [{ harness: keyHash(harness), registrationId: fixture.registrationId('k1') }];
      const [k1, k2] = [await ticketOf('k1'), await ticketOf('k2')];
      await fixture.stopRegistry();
      await fixture.startRegistry();
      // The sidecar tells its whole table on every socket, so the first entry already says where the harness belongs.
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: k2, sessions }] });
      const waited = fixture.clock.waited(MAX_HOLD_MS);
      const held = registrationServed(harness);
      await waited;
      relay.say({ type: 'add', entry: { ticket: k1, sessions } });
      expect(await held).toBe(fixture.registrationId('k1'));
      expect(await registrationServed()).toBe(fixture.registrationId('k2'));
    });

    it('409 rather than another key while its session lives and its key is away', async () => {
      const harness = somePublicKey();
      const sessions = [{ harness: keyHash(harness), registrationId: fixture.registrationId('k1') }];
      await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k2'), sessions }] });
      expect(await servedAfter(MAX_HOLD_MS, harness)).toBe('environment_offline');
    });

    it('the newest again when its sidecar says that the session ended', async () => {
      const harness = somePublicKey();
      const sessions = [{ harness: keyHash(harness), registrationId: fixture.registrationId('k1') }];
      const entries = [{ ticket: await ticketOf('k2'), sessions }];
      const relay = await ScriptedRelay.present(fixture, { entries });
      const waited = fixture.clock.waited(MAX_HOLD_MS);
      const held = registrationServed(harness);
      await waited;
      relay.say({ type: 'sessions', registrationId: fixture.registrationId('k2'), sessions: [] });
      expect(await held).toBe(fixture.registrationId('k2'));
    });

    it('the newest when the overlap is over: a session under a key that left the list is no reason any more', async () => {
      const harness = somePublicKey();
      const sessions = [{ harness: keyHash(harness), registrationId: fixture.registrationId('k1') }];
      const [k1, k2] = [await ticketOf('k1'), await ticketOf('k2')];
      const entries = [k1, k2].map((ticket) => ({ ticket, sessions }));
      await ScriptedRelay.present(fixture, { entries });
      expect(await registrationServed(harness)).toBe(fixture.registrationId('k1'));
      await fixture.change((file) => {
        fixture.environment(DEMO, file).keys.shift();
      });
      expect(await registrationServed(harness)).toBe(fixture.registrationId('k2'));
    });

    it('of a new pod the same key, waiting a moment for it, else the newest', async () => {
      const harness = somePublicKey();
      const sessions = [{ harness: keyHash(harness), registrationId: fixture.registrationId('k1') }];
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions }] });
      const token = someToken();
      await fixture.change((file) => {
        Object.assign(fixture.environment(DEMO, file), { incarnation: POD_B, executorTokenSha256: [sha256(token)] });
      });
      relay.say({ type: 'remove', registrationId: fixture.registrationId('k1') });
      relay.say({ type: 'add', entry: { ticket: await ticketOf('k2', token), sessions: [] } });
      await relay.settled(fixture);
      expect(await servedAfter(SAME_KEY_GRACE_MS, harness)).toBe(fixture.registrationId('k2', POD_B));
      relay.say({ type: 'add', entry: { ticket: await ticketOf('k1', token), sessions: [] } });
      await relay.settled(fixture);
      expect(await registrationServed(harness)).toBe(fixture.registrationId('k1', POD_B));
    });

    it('never a registration of an incarnation that is not the fence', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      await fixture.change((file) => {
        fixture.environment(DEMO, file).incarnation = POD_B;
      });
      expect(await offline()).toBe('environment_offline');
      expect((await relay.hears('deny')).deny).toMatchObject({ match: { incarnation: 'pod-a' }, reason: 'superseded' });
    });
  });

  describe('denies', () => {
    it('go out when an identity lost its last grant, and are lifted when it gets one again', async () => {
      const relay = await ScriptedRelay.present(fixture);
      const grants = fixture.file.grants;
      await fixture.change((file) => {
        file.grants = [];
      });
      const { deny } = await relay.hears('deny', (message) => message.deny.environmentId === DEMO);
      expect(deny).toMatchObject({
        match: { identityHash: identityHashOf('sa:default/alice') },
        reason: 'grant_ended',
      });
      await fixture.change((file) => {
        file.grants = grants;
      });
      expect((await relay.hears('undeny', ({ denyId }) => denyId === deny.id)).denyId).toBe(deny.id);
    });

    it('of a pod are lifted when it counts again: it was out of service for a while, or the directory was behind', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      const counts = (incarnation: typeof POD_A | undefined) =>
        fixture.change((file) => {
          Object.assign(fixture.environment(DEMO, file), { incarnation });
        });
      for (const other of [undefined, POD_B]) {
        await counts(other);
        expect(await offline()).toBe('environment_offline');
        await counts(POD_A);
        expect(await registrationServed()).toBe(fixture.registrationId('k1'));
      }
      const { deny } = await relay.hears('deny');
      expect((await relay.hears('undeny')).denyId).toBe(deny.id);
    });

    it('do not go out when another grant still allows it', async () => {
      const relay = await ScriptedRelay.present(fixture);
      await fixture.change((file) => {
        file.grants.push({ name: 'default/other', identities: ['sa:default/alice'], environments: [DEMO, LAPTOP] });
      });
      await fixture.change((file) => {
        file.grants.shift();
      });
      await relay.settled(fixture);
      expect(relay.heard.filter((message) => message.type === 'deny')).toEqual([]);
    });

    it('go out when a grant expires by itself', async () => {
      await fixture.change((file) => {
        for (const grant of file.grants) grant.expirationTime = new Date(fixture.clock.now() + 4_000).toISOString();
      });
      const relay = await ScriptedRelay.present(fixture);
      fixture.clock.advance(4_000);
      await relay.hears('deny', (message) => message.deny.environmentId === DEMO);
    });

    it('of a revoked key stand in the first message to a relay that comes later, also of a registry that was restarted', async () => {
      await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k2'), sessions: [] }] });
      await fixture.change((file) => {
        fixture.environment(DEMO, file).keys[1] = {
          id: 'k2',
          fingerprint: fixture.fingerprint('k2'),
          state: 'Revoked',
        };
      });
      expect(await offline()).toBe('environment_offline');
      await fixture.stopRegistry();
      await fixture.startRegistry();
      const relay = await ScriptedRelay.dial(fixture);
      const { denies } = await relay.hears('hello');
      expect(denies).toMatchObject([{ match: { fingerprint: fixture.fingerprint('k2') }, reason: 'revoked' }]);
    });

    it('of revoked keys that a relay found standing are asked about, some at a time, and of no others', async () => {
      const revoked = Array.from({ length: 70 }, (_, at) => ({
        ...{ id: `k${at + 3}`, state: 'Revoked' as const },
        fingerprint: fingerprintOf(somePublicKey()),
      }));
      await fixture.change((file) => {
        fixture.environment(DEMO, file).keys.push(...revoked);
        file.grants = [];
      });
      const relay = await ScriptedRelay.dial(fixture);
      const { denies } = await relay.hears('hello');
      const asked = () => relay.heard.flatMap((message) => (message.type === 'ack-request' ? message.denyId : []));
      expect(asked()).toEqual([]);
      relay.say({ type: 'hello', bootId: parseBootId('relay-boot-1'), port: 7001 });
      relay.say({ type: 'snapshot', entries: [] });
      await fixture.until(() => asked().length === 64);
      for (const denyId of asked()) relay.say({ type: 'ack', denyId });
      await fixture.until(() => asked().length === 70);
      expect(new Set(asked())).toEqual(
        new Set(denies.filter(({ reason }) => reason === 'revoked').map(({ id }) => id)),
      );
    });
  });

  describe('a relay’s word about an identity', () => {
    it('makes connect answer 429 until its end, at that environment only', async () => {
      const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      const untilSeconds = fixture.clock.seconds() + 4;
      relay.say({
        type: 'penalty',
        identityHash: identityHashOf('sa:default/alice'),
        environmentId: DEMO,
        untilSeconds,
      });
      await relay.settled(fixture);
      const limited = await fixture.connect(DEMO, fixture.tokens.alice);
      expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '4']);
      fixture.clock.advance(4_000);
      expect((await fixture.connect(DEMO, fixture.tokens.alice)).status).toBe(200);
    });

    it('counts for nothing at an environment whose executor it does not have', async () => {
      await ScriptedRelay.present(fixture, { entries: [{ ticket: await ticketOf('k1'), sessions: [] }] });
      const other = await ScriptedRelay.present(fixture, { bootId: 'relay-boot-2', port: 7002 });
      const untilSeconds = fixture.clock.seconds() + 60;
      other.say({
        type: 'penalty',
        identityHash: identityHashOf('sa:default/alice'),
        environmentId: DEMO,
        untilSeconds,
      });
      await other.settled(fixture);
      expect((await fixture.connect(DEMO, fixture.tokens.alice)).status).toBe(200);
    });
  });

  describe('a relay that another one could not reach', () => {
    const load = { type: 'load', streams: 0, bytesPerSecond: 0, draining: false } as const;

    it('is the last choice for 15 s, whatever it says of itself, and counts on as one that serves', async () => {
      const ticket = await ticketOf('k1');
      const entries = [{ ticket, sessions: [] }];
      const first = await ScriptedRelay.present(fixture, { entries });
      const other = await ScriptedRelay.present(fixture, { bootId: 'relay-boot-2', port: 7002, entries });
      const servedBy = async () => {
        const { body } = await fixture.connect(DEMO, fixture.tokens.alice);
        const verifier = new TicketVerifier(fixture.signer.publicJwks(fixture.clock.seconds()));
        return (await verifier.verifyHarnessTicket(ticketIn(body.url), fixture.clock.seconds())).bootId;
      };
      expect(await servedBy()).toBe('relay-boot-1');
      other.say({ type: 'lost', bootId: parseBootId('relay-boot-1') });
      await other.settled(fixture);
      for (const seconds of [0, 5, 9]) {
        fixture.clock.skip(seconds * 1000);
        first.say(load);
        await first.settled(fixture);
        expect(await servedBy()).toBe('relay-boot-2');
      }
      fixture.clock.skip(1000);
      first.say(load);
      await first.settled(fixture);
      expect(await servedBy()).toBe('relay-boot-1');
    });
  });
});
