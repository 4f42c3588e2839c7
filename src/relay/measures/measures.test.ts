import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { executorTicket, Fleet } from '../testing/fleet.ts';

let fleet: Fleet;
let metrics: Metrics;
let clock: ManualClock;
beforeEach(async () => {
  metrics = createMetrics({ component: 'relay', version: 'test' });
  clock = new ManualClock(Date.now());
  fleet = await Fleet.start({ metrics, clock });
});
afterEach(() => fleet.stop());

/** How many observations a histogram has. */
async function count(histogram: string, labels: string): Promise<number> {
  const [, found] = new RegExp(`^${histogram}_count\\{${labels}\\} (\\d+)$`, 'm').exec(await metrics.text()) ?? [];
  return Number(found ?? 0);
}

describe('what a relay measures', () => {
  it('is the round trip of its pings', async () => {
    const ticket = executorTicket();
    await fleet.real(ticket);

    fleet.registry.send({ type: 'ping', nonce: 'n', registrationId: ticket.registrationId });
    await fleet.registry.sawType('pong');

    expect(await count('noisefleet_relay_round_trip_seconds', 'peer="executor"')).toBe(1);
  });

  it.each([
    ['returned', 0.7],
    ['gone', 3],
  ] as const)('is how long a harness waited for an executor that was not here (%s)', async (result, seconds) => {
    const ticket = executorTicket();
    const { armed } = clock;
    const dialling = fleet.harness(ticket);
    dialling.catch(() => {});
    while (clock.armed === armed) await settle();

    clock.advance(seconds * 1_000);
    if (result === 'returned') await fleet.sidecar(ticket);
    await dialling.catch(() => {});

    const name = 'noisefleet_relay_executor_return_seconds';
    expect(await metrics.text()).toContain(`${name}_sum{result="${result}"} ${seconds}\n`);
    expect(await count(name, `result="${result}"`)).toBe(1);
  });
});
