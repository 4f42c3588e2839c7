import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../telemetry/index.ts';
import type { RelayLimits } from './limits.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';

let fleet: Fleet;
let metrics: Metrics;
afterEach(() => fleet.stop());

async function start(limits: Partial<RelayLimits>): Promise<void> {
  metrics = createMetrics({ component: 'relay', version: 'test' });
  fleet = await Fleet.start({ limits, metrics });
}

/** The URL with a ticket that says the same and is signed by nobody. */
const forged = (url: string) => `${url.slice(0, url.lastIndexOf('.') + 1)}${'A'.repeat(86)}`;

const limited = async (limit: string) => (await metrics.text()).includes(`limited_total{limit="${limit}"} 1`);

describe('one identity', () => {
  it('holds so many sockets at a replica, whatever they lead to, and others still get in', async () => {
    await start({ socketsPerIdentity: 2 });
    const [one, two] = [executorTicket(), executorTicket()];
    await fleet.sidecar(one);
    await fleet.sidecar(two);
    const first = await fleet.harness(one);
    await fleet.harness(two);

    await expect(fleet.harness(two)).rejects.toMatchObject({ status: 401, code: 'rate_limited' });

    expect(await limited('identity_sockets')).toBe(true);
    await fleet.harness(two, { identityHash: 'identity-b' });
    first.leave();
    await expect
      .poll(() =>
        fleet.harness(one).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it('upgrades so often, accepted or not, and others still get in', async () => {
    await start({ upgradesPerSecondPerIdentity: 1, burstUpgradesPerIdentity: 3, streamsPerIdentity: 2 });
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    for (const _ of [1, 2]) await fleet.harness(ticket);
    await expect(fleet.harness(ticket)).rejects.toMatchObject({ code: 'rate_limited' });
    expect(await limited('identity_streams')).toBe(true);

    await expect(fleet.harness(ticket)).rejects.toMatchObject({ status: 401, code: 'rate_limited' });

    expect(await limited('identity_upgrades')).toBe(true);
    await fleet.harness(ticket, { identityHash: 'identity-b' });
  });

  it('is refused before its signature is looked at when it has no upgrade left, or shows a ticket that is used', async () => {
    await start({ upgradesPerSecondPerIdentity: 1, burstUpgradesPerIdentity: 2 });
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const used = await fleet.harnessUrl(fleet.harnessTicket(ticket));
    await fleet.dial(used);

    await expect(fleet.dial(forged(used))).rejects.toMatchObject({ status: 401, code: 'ticket_used' });
    await fleet.harness(ticket);
    const other = await fleet.harnessUrl(fleet.harnessTicket(ticket));
    await expect(fleet.dial(forged(other))).rejects.toMatchObject({ status: 401, code: 'rate_limited' });
  });

  it('loses no upgrade to somebody who forges its tickets, or has one that is used', async () => {
    await start({ upgradesPerSecondPerIdentity: 1, burstUpgradesPerIdentity: 2 });
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    const used = await fleet.harnessUrl(fleet.harnessTicket(ticket));
    await fleet.dial(used);
    const unused = forged(await fleet.harnessUrl(fleet.harnessTicket(ticket)));

    for (const _ of [1, 2, 3]) {
      await expect(fleet.dial(used)).rejects.toMatchObject({ code: 'ticket_used' });
      await expect(fleet.dial(unused)).rejects.toMatchObject({ code: 'ticket_invalid' });
    }

    await fleet.harness(ticket);
  });

  it('dials so often as one registration of an executor: then 503, after which it dials the same URL again', async () => {
    await start({ upgradesPerSecondPerIdentity: 1, burstUpgradesPerIdentity: 2 });
    const ticket = executorTicket();
    await fleet.sidecar(ticket);
    await fleet.sidecar(ticket);

    await expect(fleet.sidecar(ticket)).rejects.toMatchObject({ status: 503, code: 'rate_limited' });

    await fleet.sidecar(executorTicket());
  });

  it('is limited at an executor by the relay that has it, and not by one that passes the harness on', async () => {
    await start({ streamsPerIdentity: 1 });
    const [here, there] = [executorTicket(), executorTicket()];
    await fleet.sidecar(here);
    const other = await fleet.another();
    const executorUrl = await fleet.executorUrl({ ...there, runtime: 'external' });
    await fleet.dial(executorUrl.replace(fleet.relay.url, other.url));
    await fleet.harness(here);
    const target = { bootId: other.bootId, address: new URL(other.url).host };
    const passedOn = async () => fleet.dial(await fleet.harnessUrl(fleet.harnessTicket(there, target)));

    const harness = await passedOn();

    expect(harness.headers['x-noisefleet-boot-id']).toBe(other.bootId);
    await expect(fleet.harness(here)).rejects.toMatchObject({ code: 'rate_limited' });
  });
});

describe('the limits of a relay', () => {
  it('are metrics, with the values in force', async () => {
    await start({ maxSockets: 77, processBacklogBytes: 1_000 });

    const text = await metrics.text();

    expect(text).toContain('noisefleet_relay_limit{limit="sockets"} 77');
    expect(text).toContain('noisefleet_relay_limit_bytes{limit="process_backlog"} 1000');
    expect(text).toContain('noisefleet_relay_limit_per_second{limit="identity_upgrades"} 200');
  });
});
