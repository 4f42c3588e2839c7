import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyHash, parseIncarnation, type RegistrationId, TicketVerifier } from '../../wire/index.ts';
import { LAPTOP, RegistryFixture, somePublicKey } from '../testing/fixture.ts';
import { ScriptedRelay, ticketIn } from '../testing/scripted-relay.ts';

describe('an External environment', () => {
  let fixture: RegistryFixture;

  beforeEach(async () => {
    fixture = await RegistryFixture.start({ expectedRelays: () => 0 });
  });
  afterEach(() => fixture.close());

  interface Host {
    readonly key: ReturnType<typeof somePublicKey>;
    readonly ticket: string;
    readonly registrationId: RegistrationId;
  }

  async function join(key = somePublicKey()): Promise<Host> {
    const { body } = await fixture.register(LAPTOP, fixture.tokens.laptop, key);
    return { key, ticket: ticketIn(body.url), registrationId: body.executor_registration_id as RegistrationId };
  }

  /** Registers another key while the relay answers for the standing one as told. */
  async function newcomer(relay: ScriptedRelay, standing: Host, alive: boolean | undefined, key = somePublicKey()) {
    const pings = relay.heard.filter((message) => message.type === 'ping').length;
    const answer = fixture.register(LAPTOP, fixture.tokens.laptop, key);
    await fixture.until(() => relay.heard.filter((message) => message.type === 'ping').length > pings);
    const ping = relay.heard.findLast((message) => message.type === 'ping');
    expect(ping?.registrationId).toBe(standing.registrationId);
    if (alive === undefined) fixture.clock.advance(3_000);
    else relay.say({ type: 'pong', nonce: ping?.nonce ?? '', registrationId: standing.registrationId, alive });
    return answer;
  }

  it('refuses a newcomer with 409 while the standing one answers, and never the same key', async () => {
    const host = await join();
    const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: host.ticket, sessions: [] }] });
    const refused = await newcomer(relay, host, true);
    expect([refused.status, refused.body.error.code]).toEqual([409, 'environment_in_use']);
    expect((await fixture.register(LAPTOP, fixture.tokens.laptop, host.key)).status).toBe(200);
  });

  it.each([
    ['says that it is gone', false],
    ['says nothing for 3 s', undefined],
  ])('gives the place to a newcomer when the relay %s, and denies the old one', async (_what, alive) => {
    const host = await join();
    const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: host.ticket, sessions: [] }] });
    const admitted = await newcomer(relay, host, alive);
    expect(admitted.status).toBe(200);
    const { deny } = await relay.hears('deny');
    expect(deny).toMatchObject({ match: { registrationId: host.registrationId }, reason: 'superseded' });
    // A ticket of a real executor lives 7 days: so long it must be refused.
    expect(deny.until).toBeGreaterThanOrEqual(fixture.clock.seconds() + 7 * 86_400);
    expect(fixture.logged('external executor changed')).toHaveLength(1);
  });

  it('lets only one of two newcomers in, though neither is there yet', async () => {
    await join();
    const second = await fixture.register(LAPTOP, fixture.tokens.laptop, somePublicKey());
    expect([second.status, second.body.error.code]).toEqual([409, 'environment_in_use']);
    fixture.clock.advance(5_000);
    expect((await fixture.register(LAPTOP, fixture.tokens.laptop, somePublicKey())).status).toBe(200);
  });

  it('takes the old process back when its successor is gone', async () => {
    const old = await join();
    const relay = await ScriptedRelay.present(fixture, { entries: [{ ticket: old.ticket, sessions: [] }] });
    await newcomer(relay, old, false);
    const { deny } = await relay.hears('deny');
    fixture.clock.advance(5_000);
    relay.socket.pong();
    expect((await fixture.register(LAPTOP, fixture.tokens.laptop, old.key)).status).toBe(200);
    expect((await relay.hears('undeny')).denyId).toBe(deny.id);
  });

  it('of several live claims keeps the later first registration, whatever the order in which they are reported', async () => {
    const first = await join();
    fixture.clock.advance(6_000);
    const second = await join();
    await fixture.stopRegistry();
    await fixture.startRegistry();
    const entries = [second, first].map(({ ticket }) => ({ ticket, sessions: [] }));
    const relay = await ScriptedRelay.present(fixture, { entries });
    expect((await relay.hears('deny')).deny.match).toEqual({ registrationId: first.registrationId });
    const served = await fixture.connect(LAPTOP, fixture.tokens.alice);
    expect(served.body.executor_registration_id).toBe(second.registrationId);
  });

  it('validates without telling a real executor whose stream it is', async () => {
    const host = await join();
    await ScriptedRelay.present(fixture, { entries: [{ ticket: host.ticket, sessions: [] }] });
    const harness = somePublicKey();
    const { body } = await fixture.connect(LAPTOP, fixture.tokens.alice, harness);
    const asked = {
      registration: body.executor_registration_id,
      harness,
      authorization: body.harness_key_authorization,
    };
    expect((await fixture.validate(LAPTOP, fixture.tokens.laptop, asked)).body).toEqual({ valid: true });
  });

  it('has the key’s fingerprint as its incarnation', async () => {
    const host = await join();
    const now = fixture.clock.seconds();
    const ticket = await new TicketVerifier(fixture.signer.publicJwks(now)).verifyExecutorTicket(host.ticket, now);
    expect(ticket.incarnation).toBe(parseIncarnation(keyHash(host.key)));
  });
});
