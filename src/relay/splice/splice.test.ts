import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import {
  type ExecutorTicket,
  type HarnessTicket,
  HOP_HEADER,
  parseBootId,
  parseEnvironmentId,
  type ServingCertificate,
} from '../../wire/index.ts';
import { TestAuthority } from '../../wire/testing/authority.ts';
import type { RunningRelay } from '../relay.ts';
import { executorTicket, Fleet } from '../testing/fleet.ts';
import type { Peer } from '../testing/peer.ts';
import { reach } from './reach.ts';

let fleet: Fleet;
let other: RunningRelay;
beforeEach(async () => {
  fleet = await Fleet.start();
  other = await fleet.another();
});
afterEach(() => fleet.stop());

const addressOf = (relay: RunningRelay) => new URL(relay.url).host;
const refusal = (code: string) => ({ status: 401, code });

/** A harness that the load balancer sent to `other`, with a ticket for the relay of its executor. */
async function misplaced(ticket: ExecutorTicket, changes: Partial<HarnessTicket> = {}, headers = {}): Promise<Peer> {
  const wanted = fleet.harnessTicket(ticket, { address: addressOf(fleet.relay), ...changes });
  return fleet.dial(await fleet.harnessUrl(wanted, other), headers);
}

describe('a harness that lands on another replica than its executor', () => {
  it('is passed on: the upgrade is answered by the right one, and frames go both ways', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);

    const harness = await misplaced(ticket);

    expect(harness.headers['x-noisefleet-boot-id']).toBe(fleet.relay.bootId);
    const { streamId } = await fleet.open(harness, executor);
    const payload = Buffer.alloc(200_000, 'x');
    for (const seq of [1, 2, 3]) executor.send(streamId, { type: 'data', seq, payload });
    await harness.until(({ frames }) => frames.filter(({ body }) => body.type === 'data').length === 3);
  });

  it('gets the refusal of the right one: a ticket opens one socket, wherever it is shown', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const jti = randomUUID();
    await misplaced(ticket, { jti });

    await expect(misplaced(ticket, { jti })).rejects.toMatchObject(refusal('ticket_used'));
    await expect(fleet.harness(ticket, { jti })).rejects.toMatchObject(refusal('ticket_used'));
  });

  it('is refused when the life of a relay that its ticket names is gone, though its address is used again', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);

    await expect(misplaced(ticket, { bootId: parseBootId('a-life-that-is-gone') })).rejects.toMatchObject(
      refusal('wrong_relay'),
    );
  });

  it('is passed on once at most', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);

    await expect(misplaced(ticket, {}, { [HOP_HEADER]: '1' })).rejects.toMatchObject(refusal('wrong_relay'));
  });

  it('is refused when that relay is not reached, and the registries hear of it', async () => {
    const bootId = parseBootId('not-reached');

    await expect(misplaced(executorTicket(), { bootId, address: '127.0.0.1:1' })).rejects.toMatchObject(
      refusal('relay_unreachable'),
    );

    await fleet.registry.saw((message) => message.type === 'lost' && message.bootId === bootId);
  });

  it('is refused when that relay takes the connection and does not answer, and the registries hear of it', async () => {
    const clock = new ManualClock(Date.now());
    await fleet.stop();
    fleet = await Fleet.start({ clock });
    other = await fleet.another();
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asked = once(silent, 'connection').then(([socket]) => once(socket, 'data'));
    const bootId = parseBootId('silent-relay');
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;

    const harness = misplaced(executorTicket(), { bootId, address });
    const refused = expect(harness).rejects.toMatchObject(refusal('relay_unreachable'));
    await asked;
    clock.advance(5_000);

    await refused;
    await fleet.registry.saw((message) => message.type === 'lost' && message.bootId === bootId);
    silent.close();
  });

  it('is refused when that relay takes the connection and goes', async () => {
    const leaving = createServer((socket) => socket.once('data', () => socket.destroy()));
    leaving.listen(0, '127.0.0.1');
    await once(leaving, 'listening');
    const address = `127.0.0.1:${(leaving.address() as AddressInfo).port}`;

    await expect(misplaced(executorTicket(), { bootId: parseBootId('leaving-relay'), address })).rejects.toMatchObject(
      refusal('relay_unreachable'),
    );
    leaving.close();
  });

  it('is closed when that relay goes', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const harness = await misplaced(ticket);

    await fleet.relay.close();

    await harness.closed();
  });

  it('is closed at once by a relay that passed it on and closes', async () => {
    await fleet.stop();
    const clock = new ManualClock();
    fleet = await Fleet.start({ clock });
    other = await fleet.another();
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const harness = await misplaced(ticket);

    const closing = other.close();
    await clock.advanceSlowly(1_000);

    await harness.closed();
    await closing;
  });

  it('ends its stream at the executor when it leaves', async () => {
    const ticket = executorTicket();
    const executor = await fleet.sidecar(ticket);
    const harness = await misplaced(ticket);
    const { streamId } = await fleet.open(harness, executor);

    harness.leave();

    await executor.frame(streamId, 'reset');
  });

  it('is cut here by a deny, also while the other relay has not heard of it', async () => {
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const harness = await misplaced(ticket);
    const now = Date.now() / 1_000;

    fleet.registry.send({
      type: 'deny',
      deny: {
        id: randomUUID(),
        environmentId: parseEnvironmentId('default_demo'),
        match: { identityHash: 'identity-a' },
        reason: 'grant_ended',
        since: now,
        until: now + 600,
      },
    });

    await harness.closed();
  });
});

describe('reaching another relay', () => {
  let authority: TestAuthority;
  let certificate: ServingCertificate;
  const servers: Server[] = [];
  beforeAll(async () => {
    authority = await TestAuthority.make();
    certificate = await authority.issue();
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listening(server: Server): Promise<Server> {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return server;
  }

  const dial = (server: Server, { clock = new ManualClock(), signal = new AbortController().signal } = {}) =>
    reach({
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      tls: { trust: { current: authority.certificate }, certificate: { current: certificate } },
      withinMs: 2_000,
      clock,
      signal,
    });

  it('takes one that serves a certificate of the same authority and name, though it is dialled by its address', async () => {
    const socket = await dial(await listening(createTlsServer(await authority.issue())));

    socket.destroy();
  });

  it('refuses one that another authority vouches for', async () => {
    const stranger = await (await TestAuthority.make()).issue();

    await expect(dial(await listening(createTlsServer(stranger)))).rejects.toThrow();
  });

  it('is given up after its time when the other takes the connection and says nothing', async () => {
    const clock = new ManualClock();
    const silent = await listening(createServer());
    const reached = dial(silent, { clock });
    await once(silent, 'connection');

    clock.advance(2_000);

    await expect(reached).rejects.toThrow('within 2000 ms');
  });

  it('is given up when the harness leaves meanwhile', async () => {
    const leaving = new AbortController();
    const reached = dial(await listening(createServer()), { signal: leaving.signal });

    leaving.abort();

    await expect(reached).rejects.toThrow('the harness left');
  });
});
