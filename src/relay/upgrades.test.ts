import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../telemetry/testing/manual-clock.ts';
import { type Deny, fingerprintOf, parseEnvironmentId, TicketSigner } from '../wire/index.ts';
import { REFUSAL_LINES, SWEEP_MS } from './limits.ts';
import { executorTicket, Fleet, HARNESS_KEY } from './testing/fleet.ts';
import { Peer } from './testing/peer.ts';

let fleet: Fleet;
beforeEach(async () => {
  fleet = await Fleet.start();
});
afterEach(() => fleet.stop());

const refusal = (status: number, code: string) => ({ status, code });

function deny(changes: Partial<Deny>): Deny {
  const now = Date.now() / 1_000;
  return {
    id: randomUUID(),
    environmentId: parseEnvironmentId('default_demo'),
    match: { identityHash: 'identity-a' },
    reason: 'revoked',
    since: now,
    until: now + 600,
    ...changes,
  };
}

/** Pushes a deny and waits until the relay says that it is enforced. */
async function push(standing: Deny): Promise<void> {
  fleet.registry.send({ type: 'deny', deny: standing });
  await fleet.registry.saw((message) => message.type === 'ack' && message.denyId === standing.id);
}

describe('an executor upgrade is refused with 403', () => {
  it('when its ticket was signed by another key', async () => {
    const token = await TicketSigner.generate().signExecutorTicket(executorTicket(), fleet.now());

    await expect(fleet.dial(`${fleet.relay.url}/v1/executor?ticket=${token}`)).rejects.toMatchObject(
      refusal(403, 'ticket_invalid'),
    );
  });

  it('when it shows a ticket of another kind, or none', async () => {
    const ticket = executorTicket();
    const harnessUrl = await fleet.harnessUrl(fleet.harnessTicket(ticket));

    await expect(fleet.dial(harnessUrl.replace('/v1/harness', '/v1/executor'))).rejects.toMatchObject(
      refusal(403, 'ticket_invalid'),
    );
    await expect(fleet.dial(`${fleet.relay.url}/v1/executor`)).rejects.toMatchObject(refusal(403, 'ticket_invalid'));
  });

  it('when its ticket is over', async () => {
    const now = Date.now() / 1_000;
    const token = await fleet.registry.signer.signExecutorTicket(executorTicket({ expiresAt: now - 60 }), now - 600);

    await expect(fleet.dial(`${fleet.relay.url}/v1/executor?ticket=${token}`)).rejects.toMatchObject(
      refusal(403, 'ticket_expired'),
    );
  });

  it.each([
    ['revoked', 'revoked'],
    ['superseded', 'superseded'],
    ['key_retired', 'revoked'],
  ] as const)('when a registry denied it as %s', async (reason, code) => {
    const ticket = executorTicket();
    await push(deny({ reason, match: { fingerprint: fingerprintOf(ticket.publicKey) } }));

    await expect(fleet.sidecar(ticket)).rejects.toMatchObject(refusal(403, code));
  });
});

describe('an executor upgrade', () => {
  it('takes the place of the socket before it, whose harnesses are closed', async () => {
    const ticket = executorTicket();
    const first = await fleet.sidecar(ticket);
    const { harness } = await fleet.stream(ticket, first);

    const second = await fleet.sidecar(ticket);

    expect((await first.closed()).reason).toBe('replaced');
    await harness.closed();
    await fleet.stream(ticket, second);
    expect(fleet.registry.received.filter(({ type }) => type === 'remove')).toEqual([]);
  });

  it('is answered 409 only when it lists this relay among those that hold it', async () => {
    const ticket = executorTicket();
    const first = await fleet.sidecar(ticket);
    const url = await fleet.executorUrl(ticket);

    await expect(fleet.dial(url, { 'x-noisefleet-holds': `other, ${fleet.relay.bootId}` })).rejects.toMatchObject(
      refusal(409, 'already_here'),
    );
    expect(first.closedWith).toBeUndefined();
    const second = await fleet.dial(url, { 'x-noisefleet-holds': 'other' });
    expect(second.headers['x-noisefleet-boot-id']).toBe(fleet.relay.bootId);
    await first.closed();
  });

  it('is answered 503 over the limit of sockets, and a harness 401', async () => {
    await fleet.stop();
    fleet = await Fleet.start({ limits: { maxSockets: 1 } });
    const ticket = executorTicket();
    await fleet.sidecar(ticket);

    await expect(fleet.sidecar(executorTicket())).rejects.toMatchObject(refusal(503, 'overloaded'));
    await expect(fleet.harness(ticket)).rejects.toMatchObject(refusal(401, 'overloaded'));
  });
});

describe('a harness upgrade is refused with 401', () => {
  it('whose executor is not here and does not come', async () => {
    await fleet.stop();
    fleet = await Fleet.start({ limits: { executorReturnMs: 10 } });
    await fleet.sidecar(executorTicket());

    await expect(fleet.harness(executorTicket())).rejects.toMatchObject(refusal(401, 'executor_gone'));
  });

  it('when its ticket is of another kind, over, or used', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const executorUrl = await fleet.executorUrl(ticket);
    const now = fleet.now();
    const over = await fleet.registry.signer.signHarnessTicket(
      fleet.harnessTicket(ticket, { expiresAt: now - 30 }),
      now - 90,
    );
    const once = await fleet.harnessUrl(fleet.harnessTicket(ticket));
    await fleet.dial(once);

    await expect(fleet.dial(executorUrl.replace('/v1/executor', '/v1/harness'))).rejects.toMatchObject(
      refusal(401, 'ticket_invalid'),
    );
    await expect(fleet.dial(`${fleet.relay.url}/v1/harness?ticket=${over}`)).rejects.toMatchObject(
      refusal(401, 'ticket_expired'),
    );
    await expect(fleet.dial(once)).rejects.toMatchObject(refusal(401, 'ticket_used'));
  });

  it('when two dial with one ticket at the same time: one gets in', async () => {
    const ticket = executorTicket();
    const url = await fleet.harnessUrl(fleet.harnessTicket(ticket));
    const dials = [fleet.dial(url), fleet.dial(url), fleet.dial(url)];
    const all = Promise.allSettled(dials);
    await fleet.sidecar(ticket);

    const answers = await all;

    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('with the 33rd stream of one identity at one executor, and another identity still gets in', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    for (let i = 0; i < 32; i += 1) await fleet.harness(ticket);

    await expect(fleet.harness(ticket)).rejects.toMatchObject(refusal(401, 'rate_limited'));
    await fleet.harness(ticket, { identityHash: 'identity-b' });
  });

  it('when its grant ended, and a live socket of that grant is cut', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const { harness, streamId } = await fleet.stream(ticket, executor);
    const other = await fleet.stream(ticket, executor, { grant: 'default/other' });

    await push(deny({ reason: 'grant_ended', match: { identityHash: 'identity-a', grant: 'default/dev' } }));

    await harness.closed();
    await executor.frame(streamId, 'reset');
    await expect(fleet.harness(ticket)).rejects.toMatchObject(refusal(401, 'revoked'));
    expect(other.harness.closedWith).toBeUndefined();
  });
});

describe('a harness upgrade', () => {
  it('waits for an executor that went a moment ago', async () => {
    const ticket = executorTicket();
    const dialling = fleet.harness(ticket, { harnessKeyHash: HARNESS_KEY });

    const executor = await fleet.sidecar(ticket);
    const harness = await dialling;

    const streamId = randomUUID();
    harness.send(streamId, { type: 'resume', nextSeq: 0 });
    await executor.frame(streamId, 'resume');
  });

  it('is answered at once when every registry knows that the executor went: connect leads to it by now', async () => {
    await fleet.stop();
    // No time passes, so nobody has waited long enough.
    fleet = await Fleet.start({ clock: new ManualClock() });
    const ticket = executorTicket();
    const { registrationId } = ticket;
    (await fleet.sidecar(ticket)).leave();
    await fleet.registry.sawType('remove');
    const refused = expect(fleet.harness(ticket)).rejects.toMatchObject(refusal(401, 'executor_gone'));

    fleet.registry.send({ type: 'removed', registrationId });

    await refused;
    await expect(fleet.harness(ticket)).rejects.toMatchObject(refusal(401, 'executor_gone'));
    await fleet.sidecar(ticket);
    await fleet.harness(ticket);
  });
});

describe('refused upgrades', () => {
  it('are in the log one by one until there are too many, then by their number', async () => {
    await fleet.stop();
    const clock = new ManualClock();
    fleet = await Fleet.start({ clock });
    const beyond = 30;

    for (let i = 0; i < REFUSAL_LINES.burst + beyond; i += 1) {
      await expect(fleet.dial(`${fleet.relay.url}/v1/harness?ticket=x`)).rejects.toMatchObject({
        code: 'ticket_invalid',
      });
    }
    clock.advance(SWEEP_MS);

    const lines = fleet.log.filter((line) => line.includes('"msg":"upgrade refused"'));
    expect(lines).toHaveLength(REFUSAL_LINES.burst);
    expect(JSON.parse(fleet.log.at(-1) ?? '')).toMatchObject({ codes: { ticket_invalid: beyond } });
  });
});

describe('everything else', () => {
  it('is answered 404', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const call = request(`${fleet.relay.url.replace('ws:', 'http:')}/v1/executor`, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.on('error', reject).end();
    });

    expect(status).toBe(404);
    await expect(Peer.dial(`${fleet.relay.url}/other`)).rejects.toMatchObject(refusal(404, 'not_found'));
  });
});
