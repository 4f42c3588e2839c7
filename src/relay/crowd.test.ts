import { afterEach, describe, expect, it } from 'vitest';
import type { RunningRelay } from './relay.ts';
import { executorTicket, Fleet } from './testing/fleet.ts';

let fleet: Fleet;
afterEach(() => fleet.stop());

const EXECUTORS = 20;
const HARNESSES = 500;

describe('a crowd of idle harnesses', () => {
  it('stays while nothing moves, and is back at the relay that takes over, every one at its own executor', async () => {
    fleet = await Fleet.start({ limits: { closeMs: 1 } });
    const tickets = Array.from({ length: EXECUTORS }, () => executorTicket());
    const gather = async (relay: RunningRelay) => {
      const executors = await Promise.all(
        tickets.map(async (ticket) => {
          const url = await fleet.executorUrl({ ...ticket, runtime: 'external' });
          return fleet.dial(url.replace(fleet.relay.url, relay.url));
        }),
      );
      const harnesses = await Promise.all(
        Array.from({ length: HARNESSES }, async (_, i) => {
          const ticket = tickets[i % EXECUTORS];
          const executor = executors[i % EXECUTORS];
          if (ticket === undefined || executor === undefined) throw new Error('as many as tickets');
          const asked = fleet.harnessTicket(ticket, { bootId: relay.bootId, identityHash: `identity-${i}` });
          return fleet.open(await fleet.dial(await fleet.harnessUrl(asked, relay)), executor);
        }),
      );
      return { executors, harnesses };
    };

    const before = await gather(fleet.relay);
    await Promise.all(before.harnesses.map(({ harness }) => harness.settled()));
    expect(fleet.relay.levels()).toMatchObject({
      ...{ sockets: { executor: EXECUTORS, harness: HARNESSES, splice: 0 }, streams: HARNESSES, backlogBytes: 0 },
    });
    await fleet.relay.close();
    await Promise.all(before.harnesses.map(({ harness }) => harness.closed()));
    const next = await fleet.another();
    const after = await gather(next);

    expect(next.levels()).toMatchObject({ sockets: { executor: EXECUTORS, harness: HARNESSES }, streams: HARNESSES });
    after.executors.forEach((executor, e) => {
      const own = after.harnesses.filter((_, i) => i % EXECUTORS === e).map(({ streamId }) => streamId);
      expect(new Set(executor.frames.map(({ streamId }) => streamId))).toEqual(new Set(own));
    });
  });
});
