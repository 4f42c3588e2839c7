import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { MemoryApiServer } from '../memory/memory-api-server.ts';
import { leases } from '../objects/builtin.ts';
import { LeaderElection } from './leader-election.ts';
import { decideLease, LEASE_TIMES, releasedLease } from './lease.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const LEASE = { namespace: 'system', name: 'operator' };

describe('decideLease', () => {
  const now = Date.parse('2026-11-21T08:00:00Z');
  const held = {
    holderIdentity: 'other',
    leaseDurationSeconds: 13,
    renewTime: '2026-11-21T07:00:00.000000Z',
    leaseTransitions: 4,
  };

  it.each([
    ['takes a lease that is not there', undefined, 'take'],
    ['waits for another that was seen renewing', { spec: held, seenAt: now - 12_999 }, 'wait'],
    ['takes what was not renewed for its duration, by its own clock', { spec: held, seenAt: now - 13_000 }, 'take'],
    [
      'waits as long as a holder of another version asks',
      { spec: { ...held, leaseDurationSeconds: 60 }, seenAt: now - 30_000 },
      'wait',
    ],
    ['takes a lease that was given back', { spec: releasedLease(held, now), seenAt: now }, 'take'],
    ['renews its own', { spec: { ...held, holderIdentity: 'me' }, seenAt: now - 60_000 }, 'renew'],
  ])('%s', (_name, observed, action) => {
    expect(decideLease(observed, { identity: 'me', now, times: LEASE_TIMES }).action).toBe(action);
  });

  it('writes times with six fraction digits, and counts transitions', () => {
    const decision = decideLease({ spec: held, seenAt: 0 }, { identity: 'me', now, times: LEASE_TIMES });

    expect(decision).toMatchObject({ spec: { renewTime: '2026-11-21T08:00:00.000000Z', leaseTransitions: 5 } });
  });
});

describe('LeaderElection', () => {
  let clock: ManualClock;
  let server: MemoryApiServer;
  let stops: AbortController[];
  let runs: Promise<void>[];
  let story: string[];

  beforeEach(() => {
    clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    stops = [];
    runs = [];
    story = [];
  });
  afterEach(async () => {
    for (const stop of stops) stop.abort();
    await clock.advanceSlowly(3_000);
    await Promise.all(runs);
  });

  function candidate(identity: string): AbortController {
    const stop = new AbortController();
    const election = new LeaderElection({ api: server.api(), lease: LEASE, identity, clock, log, random: () => 0 });
    const lead = async (signal: AbortSignal) => {
      story.push(`${identity} leads`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      story.push(`${identity} stops`);
    };
    stops.push(stop);
    runs.push(election.run({ signal: stop.signal, lead }));
    return stop;
  }

  it('lets one lead, and hands over within a second when that one ends', async () => {
    const first = candidate('a');
    await clock.advanceSlowly(100);
    candidate('b');
    await clock.advanceSlowly(60_000, 500);
    expect(story).toEqual(['a leads']);

    first.abort();
    await clock.advanceSlowly(1_000);

    expect(story).toEqual(['a leads', 'a stops', 'b leads']);
    expect((await server.api().get(leases, LEASE)).spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('replaces a leader that died within the lease and one look', async () => {
    candidate('b');
    await clock.advanceSlowly(100);
    const { spec } = await server.api().get(leases, LEASE);
    stops[0]?.abort();
    await clock.advanceSlowly(500);
    const lease = await server.api().get(leases, LEASE);
    await server.api().update(leases, { ...lease, ...{ spec: { ...spec, holderIdentity: 'dead' } } });
    story = [];
    candidate('c');

    await clock.advanceSlowly(LEASE_TIMES.durationMs - 500);
    expect(story).toEqual([]);
    await clock.advanceSlowly(500 + 2 * LEASE_TIMES.lookMs);

    expect(story).toEqual(['c leads']);
  });

  it('stops leading before anybody else may while the server is away, and leads again after', async () => {
    candidate('a');
    await clock.advanceSlowly(1_000);
    const back = server.intercept(() => ({ status: 500, body: {} }));
    await clock.advanceSlowly(LEASE_TIMES.deadlineMs + 1_000);
    expect(story).toEqual(['a leads', 'a stops']);

    await clock.advanceSlowly(60_000, 500);
    back();
    await clock.advanceSlowly(20_000, 500);

    expect(story).toEqual(['a leads', 'a stops', 'a leads']);
  });

  it('stops leading when the lease was taken from it', async () => {
    candidate('a');
    await clock.advanceSlowly(100);
    const lease = await server.api().get(leases, LEASE);
    await server.api().update(leases, { ...lease, ...{ spec: { ...lease.spec, holderIdentity: 'usurper' } } });

    await clock.advanceSlowly(2 * LEASE_TIMES.renewMs + 200);

    expect(story).toEqual(['a leads', 'a stops']);
  });

  it('rejects with what made leading fail', async () => {
    const election = new LeaderElection({ api: server.api(), lease: LEASE, identity: 'a', clock, log });
    const lead = () => Promise.reject(new TypeError('a bug'));

    await expect(election.run({ signal: new AbortController().signal, lead })).rejects.toThrow('a bug');
  });
});
