import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodePublicKey, keyHash, SECURITY_PROFILE, TicketVerifier } from '../../wire/index.ts';
import { DEMO, LAPTOP, POD_A, POD_B, RegistryFixture, sha256, somePublicKey, someToken } from '../testing/fixture.ts';
import { ScriptedRelay, ticketIn } from '../testing/scripted-relay.ts';
import { MAX_HOLD_MS } from './connect.ts';

describe('the registry over HTTP', () => {
  let fixture: RegistryFixture;
  let verifier: TicketVerifier;

  beforeEach(async () => {
    fixture = await RegistryFixture.start();
    verifier = new TicketVerifier(fixture.signer.publicJwks(fixture.clock.seconds()));
  });
  afterEach(() => fixture.close());

  /** Registers the key and lets a relay report it. */
  async function present(key: 'k1' | 'k2' = 'k1', bootId = 'relay-boot-1', port = 7001) {
    const answer = await fixture.register(DEMO, fixture.tokens.demo, fixture.keys[key]);
    const ticket = ticketIn(answer.body.url);
    return ScriptedRelay.present(fixture, { bootId, port, entries: [{ ticket, sessions: [] }] });
  }

  describe('register', () => {
    it('answers with a relay URL whose ticket names the registration, and never with the bearer', async () => {
      const answer = await fixture.register(DEMO, fixture.tokens.demo);

      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        environment_id: DEMO,
        security_profile: SECURITY_PROFILE,
        executor_registration_id: fixture.registrationId('k1'),
      });
      expect(answer.body.url).toMatch(/^wss:\/\/relay\.example\/base\/v1\/executor\?role=environment&ticket=/);
      expect(answer.text).not.toContain(fixture.tokens.demo);
      const ticket = await verifier.verifyExecutorTicket(ticketIn(answer.body.url), fixture.clock.seconds());
      expect(ticket).toMatchObject({
        environmentId: DEMO,
        incarnation: POD_A,
        keyId: 'k1',
        runtime: 'sidecar',
        expiresAt: fixture.clock.seconds() + 600,
      });
    });

    it('gives a real executor a ticket of 7 days, since it never asks again by itself', async () => {
      await ScriptedRelay.present(fixture);
      const answer = await fixture.register(LAPTOP, fixture.tokens.laptop, somePublicKey());
      const ticket = await verifier.verifyExecutorTicket(ticketIn(answer.body.url), fixture.clock.seconds());
      expect(ticket).toMatchObject({ runtime: 'external', expiresAt: fixture.clock.seconds() + 7 * 86_400 });
      expect(ticket.keyId).toBeUndefined();
    });

    it('gives the same registration id to the same key again: a refresh', async () => {
      const [first, second] = [
        await fixture.register(DEMO, fixture.tokens.demo),
        await fixture.register(DEMO, fixture.tokens.demo),
      ];
      expect(second.body.executor_registration_id).toBe(first.body.executor_registration_id);
    });

    it.each([
      [
        'a key that is not seen yet',
        409,
        'not_admitted_yet',
        () => fixture.register(DEMO, fixture.tokens.demo, fixture.keys.k2),
      ],
      ['no bearer', 401, 'token_invalid', () => fixture.register(DEMO, undefined)],
      ['an unknown bearer', 401, 'token_invalid', () => fixture.register(DEMO, someToken())],
      ['a bearer of another environment', 404, 'not_found', () => fixture.register(LAPTOP, fixture.tokens.demo)],
      [
        'an environment id that cannot be one',
        404,
        'not_found',
        () => fixture.register('Default.Demo', fixture.tokens.demo),
      ],
      ['a client token', 401, 'token_invalid', () => fixture.register(DEMO, fixture.tokens.alice)],
      ['an unknown bearer with any body', 401, 'token_invalid', () => fixture.post(DEMO, 'register', someToken(), '{')],
      ['a body that is not JSON', 400, 'bad_request', () => fixture.post(DEMO, 'register', fixture.tokens.demo, '{')],
      [
        'a key that is too short',
        400,
        'bad_request',
        () =>
          fixture.post(DEMO, 'register', fixture.tokens.demo, {
            security_profile: SECURITY_PROFILE,
            executor_public_key: { ...encodePublicKey(fixture.keys.k1), x25519_public_key: 'AAAA' },
          }),
      ],
      [
        'a body over 64 KiB',
        413,
        'body_too_large',
        () => fixture.post(DEMO, 'register', fixture.tokens.demo, ' '.repeat(65_537)),
      ],
    ])('refuses %s', async (_what, status, code, ask) => {
      const answer = await ask();
      expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    });

    it('says superseded to a pod whose place another took, and key_not_current for a key that left the list', async () => {
      const newToken = someToken();
      await fixture.change((file) => {
        const demo = fixture.environment(DEMO, file);
        demo.incarnation = POD_B;
        demo.executorTokenSha256 = [sha256(newToken)];
        demo.keys = [{ id: 'k2', fingerprint: fixture.fingerprint('k2'), state: 'Active' }];
      });
      expect((await fixture.register(DEMO, fixture.tokens.demo)).body.error.code).toBe('superseded');
      const gone = await fixture.register(DEMO, newToken, fixture.keys.k1);
      expect([gone.status, gone.body.error.code]).toEqual([403, 'key_not_current']);
      expect((await fixture.register(DEMO, newToken, fixture.keys.k2)).status).toBe(200);
    });
  });

  describe('connect', () => {
    it('answers with a bundle bound to this harness, this registration and the relay as it was observed', async () => {
      await present();
      const harness = somePublicKey();
      const answer = await fixture.connect(DEMO, fixture.tokens.alice, harness);

      expect(answer.status).toBe(200);
      expect(answer.body.executor_public_key).toEqual(encodePublicKey(fixture.keys.k1));
      const ticket = await verifier.verifyHarnessTicket(ticketIn(answer.body.url), fixture.clock.seconds());
      expect(ticket).toMatchObject({
        bootId: 'relay-boot-1',
        address: '127.0.0.1:7001',
        registrationId: fixture.registrationId('k1'),
        harnessKeyHash: keyHash(harness),
        grant: 'default/dev',
        expiresAt: fixture.clock.seconds() + 60,
      });
      const bytes = Buffer.byteLength(answer.body.harness_key_authorization);
      expect(bytes).toBeLessThanOrEqual(4096);
      expect(fixture.logged('connect allowed')).toMatchObject([
        { audit: ticket.jti, identity: 'sa:default/alice', grant: 'default/dev', key: 'k1', harness: keyHash(harness) },
      ]);
    });

    it('has one body for "not allowed" and "no such environment"', async () => {
      const [forbidden, unknown, impossible] = [
        await fixture.connect(DEMO, fixture.tokens.bob),
        await fixture.connect('default_nowhere', fixture.tokens.bob),
        await fixture.connect('NOT_AN_ID', fixture.tokens.bob),
      ];
      expect([forbidden.status, forbidden.text]).toEqual([403, unknown.text]);
      expect([unknown.status, impossible.status, impossible.text]).toEqual([403, 403, unknown.text]);
    });

    it('says what to do with an expired token, and remembers a token that has left the file', async () => {
      fixture.clock.advance(86_400_001);
      const expired = await fixture.connect(DEMO, fixture.tokens.alice);
      expect([expired.status, expired.body.error.code]).toEqual([401, 'token_expired']);
      expect(expired.body.error.message).toContain('noisefleet run');
      await fixture.change((file) => {
        file.identities = [];
      });
      expect((await fixture.connect(DEMO, fixture.tokens.alice)).body.error.code).toBe('token_expired');
    });

    it('refuses a token that was withdrawn before its time as one that it never issued', async () => {
      await fixture.change((file) => {
        file.identities = [];
      });
      expect((await fixture.connect(DEMO, fixture.tokens.alice)).body.error.code).toBe('token_invalid');
    });

    it('holds a call until the executor is there', async () => {
      const held = fixture.connect(DEMO, fixture.tokens.alice);
      const relay = await present();
      expect((await held).status).toBe(200);
      relay.socket.terminate();
    });

    it('answers 409 environment_offline 4.5 s after arrival', async () => {
      await ScriptedRelay.present(fixture);
      const waited = fixture.clock.waited(MAX_HOLD_MS);
      const held = fixture.connect(DEMO, fixture.tokens.alice);
      await waited;
      fixture.clock.advance(MAX_HOLD_MS);
      const answer = await held;
      expect([answer.status, answer.body.error.code]).toEqual([409, 'environment_offline']);
    });

    it('answers 503 instead while no relay has reported yet: absent proves nothing then', async () => {
      const waited = fixture.clock.waited(MAX_HOLD_MS);
      const held = fixture.connect(DEMO, fixture.tokens.alice);
      await waited;
      fixture.clock.advance(MAX_HOLD_MS);
      expect((await held).status).toBe(503);
    });

    it('ends a hold at once with 403 when the grant ends meanwhile', async () => {
      await ScriptedRelay.present(fixture);
      const waited = fixture.clock.waited(MAX_HOLD_MS);
      const held = fixture.connect(DEMO, fixture.tokens.alice);
      await waited;
      await fixture.change((file) => {
        file.grants = [];
      });
      expect((await held).status).toBe(403);
    });

    it('answers held calls when it closes', async () => {
      const waited = fixture.clock.waited(MAX_HOLD_MS);
      const held = fixture.connect(DEMO, fixture.tokens.alice);
      await waited;
      await fixture.stopRegistry();
      expect((await held).status).toBe(503);
    });

    it('limits connects of one identity, with Retry-After, and leaves others alone', async () => {
      await fixture.stopRegistry();
      await fixture.startRegistry({ limits: { connect: { perSecond: 1, burst: 2 } } });
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await fixture.connect('default_x', fixture.tokens.alice)).status);
      expect(statuses).toEqual([403, 403, 429]);
      const limited = await fixture.connect('default_x', fixture.tokens.alice);
      expect(limited.headers.get('retry-after')).toBe('1');
      expect((await fixture.connect('default_x', fixture.tokens.bob)).status).toBe(403);
    });
  });

  describe('validate', () => {
    async function bundle(harness = somePublicKey()) {
      const { body } = await fixture.connect(DEMO, fixture.tokens.alice, harness);
      return { registration: body.executor_registration_id, harness, authorization: body.harness_key_authorization };
    }

    it('says yes once to what connect issued, and tells our sidecar whose stream it is', async () => {
      await present();
      const asked = await bundle();
      const first = await fixture.validate(DEMO, fixture.tokens.demo, asked);
      expect([first.status, first.body]).toMatchObject([
        200,
        { valid: true, grant: 'default/dev', identity: 'sa:default/alice' },
      ]);
      const replayed = await fixture.validate(DEMO, fixture.tokens.demo, asked);
      expect([replayed.status, replayed.body]).toEqual([200, { valid: false }]);
      expect(fixture.logged('handshake refused')).toMatchObject([
        { reason: 'authorization_used', audit: first.body.jti },
      ]);
    });

    it('says no to another harness key, another registration, a forged authorization and an expired one', async () => {
      await present();
      const asked = await bundle();
      const no = [200, { valid: false }];
      const ask = async (changed: Partial<typeof asked>) => {
        const answer = await fixture.validate(DEMO, fixture.tokens.demo, { ...asked, ...changed });
        return [answer.status, answer.body];
      };
      expect(await ask({ harness: somePublicKey() })).toEqual(no);
      expect(await ask({ registration: fixture.registrationId('k2') })).toEqual(no);
      expect(await ask({ authorization: `${asked.authorization.slice(0, -8)}AAAAAAAA` })).toEqual(no);
      expect(await ask({ authorization: 'x' })).toEqual(no);
      fixture.clock.advance(66_000);
      expect(await ask({})).toEqual(no);
    });

    it('refuses a harness ticket and an executor ticket in the place of an authorization', async () => {
      await present();
      const harness = somePublicKey();
      const connect = await fixture.connect(DEMO, fixture.tokens.alice, harness);
      const register = await fixture.register(DEMO, fixture.tokens.demo);
      for (const authorization of [ticketIn(connect.body.url), ticketIn(register.body.url)]) {
        const asked = { registration: connect.body.executor_registration_id, harness, authorization };
        expect((await fixture.validate(DEMO, fixture.tokens.demo, asked)).body).toEqual({ valid: false });
      }
      expect(fixture.logged('handshake refused').map((line) => line.reason)).toEqual([
        'ticket_wrong_type',
        'ticket_wrong_type',
      ]);
    });

    it('says no when the grant ended between connect and handshake', async () => {
      await present();
      const asked = await bundle();
      await fixture.change((file) => {
        file.grants = [];
      });
      expect((await fixture.validate(DEMO, fixture.tokens.demo, asked)).body).toEqual({ valid: false });
    });

    it('answers 401 only to a credential that is proven bad', async () => {
      await present();
      const asked = await bundle();
      expect((await fixture.validate(DEMO, someToken(), asked)).status).toBe(401);
      expect((await fixture.post(DEMO, 'validate', someToken(), '{')).status).toBe(401);
      expect((await fixture.validate(LAPTOP, fixture.tokens.demo, asked)).status).toBe(404);
    });
  });

  it('writes no token, ticket or authorization into the log of a whole session', async () => {
    await present();
    const register = await fixture.register(DEMO, fixture.tokens.demo);
    const harness = somePublicKey();
    const connect = await fixture.connect(DEMO, fixture.tokens.alice, harness);
    const authorization = connect.body.harness_key_authorization;
    await fixture.validate(DEMO, fixture.tokens.demo, {
      registration: fixture.registrationId('k1'),
      harness,
      authorization,
    });
    const log = fixture.log.join('');
    const secrets = [
      ...Object.values(fixture.tokens),
      fixture.presenceSecret,
      ticketIn(register.body.url),
      ticketIn(connect.body.url),
      authorization,
    ];
    for (const secret of secrets) expect(log).not.toContain(secret);
  });

  it('keeps answering from the last good directory when a bad one is written', async () => {
    await fixture.writeFile('{"version": 1');
    await fixture.until(() => fixture.log.some((line) => line.includes('directory file refused')));
    expect((await fixture.register(DEMO, fixture.tokens.demo)).status).toBe(200);
  });

  it('lets nobody take the place of an External executor before the relays have said whether it is there', async () => {
    const first = fixture.register(LAPTOP, fixture.tokens.laptop, somePublicKey());
    await ScriptedRelay.present(fixture);
    const ticket = ticketIn((await first).body.url);
    await fixture.stopRegistry();
    await fixture.startRegistry();
    const newcomer = fixture.register(LAPTOP, fixture.tokens.laptop, somePublicKey());
    const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket, sessions: [] }] });
    const { nonce, registrationId } = await relay.hears('ping');
    relay.say({ type: 'pong', nonce, registrationId, alive: true });
    expect((await newcomer).body.error.code).toBe('environment_in_use');
  });

  it('waits with register for a directory that is not there yet, because a real executor exits at a 5xx', async () => {
    await fixture.stopRegistry();
    await fixture.writeFile('not yet');
    await fixture.startRegistry();
    const waiting = fixture.register(DEMO, fixture.tokens.demo);
    await fixture.writeFile();
    expect((await waiting).status).toBe(200);
  });
});
