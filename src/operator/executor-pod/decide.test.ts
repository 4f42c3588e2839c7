import { describe, expect, it } from 'vitest';
import { decidePod, type ObservedExecutorPod, type ObservedPod, type PodStatus } from './decide.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const nameOf = (attempt: number) => `build-${attempt}`;

const pod = (change: Partial<ObservedPod> = {}): ObservedPod => ({
  name: 'build-1',
  uid: 'u1',
  hash: 'h',
  phase: 'Running',
  ending: false,
  message: '',
  ...change,
});
const status = (change: Partial<PodStatus> = {}): PodStatus => ({
  name: 'build-1',
  uid: 'u1',
  attempt: 1,
  failures: 0,
  startTime: '2026-11-21T07:59:00Z',
  ...change,
});
const unborn: PodStatus = { name: 'build-1', attempt: 1, failures: 0 };
const observed = (change: Partial<ObservedExecutorPod>): ObservedExecutorPod => ({
  operatingMode: 'Running',
  updatePolicy: 'WhenIdle',
  startable: true,
  desiredHash: 'h',
  status: undefined,
  pod: undefined,
  idle: false,
  ...change,
});
const decide = (change: Partial<ObservedExecutorPod>, now = NOW) => decidePod(observed(change), nameOf, now);

describe('the pod of an executor', () => {
  it('is made when everything it needs is there', () => {
    expect(decide({})).toMatchObject({ action: { type: 'create', attempt: 1 }, status: unborn });
    expect(decide({ startable: false }).action).toEqual({ type: 'none' });
  });

  it.each<[string, PodStatus | undefined, number]>([
    ['before any was made', undefined, 1],
    ['while its own is still to be made', unborn, 1],
    ['in the place of its own', status({ uid: 'u0' }), 1],
  ])('is never one of its name that somebody else has made %s', (_when, known, failures) => {
    const decision = decide({ status: known, pod: pod() });
    expect(decision).toMatchObject({ action: { type: 'create', attempt: 2 }, status: { name: 'build-2', failures } });
    expect(decision.status?.uid).toBeUndefined();
  });

  it('is not made again and again in a race for its names', () => {
    const third = decide({ status: { name: 'build-3', attempt: 3, failures: 1 }, pod: pod({ name: 'build-3' }) });
    expect(third).toMatchObject({ action: { type: 'none' }, nextTime: NOW + 10_000, status: { failures: 2 } });
  });

  it('is left alone while it runs', () => {
    expect(decide({ status: status(), pod: pod() })).toEqual({
      action: { type: 'none' },
      status: status(),
      updateWaits: undefined,
      nextTime: undefined,
    });
  });

  it.each<[string, ObservedPod | undefined]>([
    ['is gone', undefined],
    ['has failed', pod({ phase: 'Failed' })],
    ['has ended', pod({ phase: 'Succeeded' })],
    ['is being deleted', pod({ ending: true })],
  ])('is followed at once by another under a new name when it %s', (_why, seen) => {
    expect(decide({ status: status(), pod: seen })).toMatchObject({
      action: { type: 'create', attempt: 2 },
      status: { name: 'build-2', attempt: 2, failures: 1 },
    });
    expect(decide({ status: status(), pod: seen }).status?.uid).toBeUndefined();
  });

  it('is replaced later each time it fails soon', () => {
    const second = decide({ status: status({ failures: 1 }), pod: pod({ phase: 'Failed' }) });
    expect(second).toMatchObject({ action: { type: 'none' }, nextTime: NOW + 10_000, status: { failures: 2 } });
    const sixth = decide({ status: status({ failures: 5 }), pod: pod({ phase: 'Failed' }) });
    expect(sixth.nextTime).toBe(NOW + 160_000);
    const many = decide({ status: status({ failures: 500 }), pod: pod({ phase: 'Failed' }) });
    expect(many.nextTime).toBe(NOW + 300_000);
  });

  it('waits for its time, and is made then', () => {
    const waiting: PodStatus = {
      ...unborn,
      attempt: 3,
      name: 'build-3',
      failures: 2,
      retryTime: '2026-11-21T08:00:05Z',
    };
    expect(decide({ status: waiting })).toMatchObject({ action: { type: 'none' }, nextTime: NOW + 5000 });
    expect(decide({ status: waiting }, NOW + 5000).action).toEqual({ type: 'create', attempt: 3 });
  });

  it('starts a new story when it ran for long', () => {
    const old = status({ failures: 7, startTime: '2026-11-21T07:00:00Z' });
    expect(decide({ status: old, pod: pod({ phase: 'Failed' }) })).toMatchObject({
      action: { type: 'create' },
      status: { failures: 1 },
    });
  });

  describe('that is older than its spec', () => {
    const old = { status: status(), pod: pod({ hash: 'old' }) };

    it.each([
      ['Immediate', false],
      ['WhenIdle', true],
    ] as const)('is replaced with policy %s when it is idle for sure: %s', (updatePolicy, idle) => {
      expect(decide({ ...old, updatePolicy, idle })).toMatchObject({
        action: { type: 'create', attempt: 2 },
        status: { name: 'build-2', attempt: 2, failures: 0 },
      });
    });

    it.each([
      ['WhenIdle', false, 'SessionsRunning'],
      ['OnDelete', true, 'WaitingForDelete'],
    ] as const)('goes on with policy %s when it is idle for sure: %s', (updatePolicy, idle, updateWaits) => {
      expect(decide({ ...old, updatePolicy, idle })).toMatchObject({ action: { type: 'none' }, updateWaits });
    });

    it.each(['WhenIdle', 'OnDelete'] as const)(
      'is replaced with policy %s when it never came to run',
      (updatePolicy) => {
        const pending = { status: status(), pod: pod({ hash: 'old', phase: 'Pending' }) };
        expect(decide({ ...pending, updatePolicy }).action).toEqual({ type: 'create', attempt: 2 });
      },
    );

    it('goes on while nobody can tell what a new one would be', () => {
      expect(decide({ ...old, desiredHash: undefined, updatePolicy: 'Immediate' }).action).toEqual({ type: 'none' });
    });
  });

  describe('of a suspended executor', () => {
    it('is no longer the fence, and the next one will have another name', () => {
      const decision = decide({ operatingMode: 'Suspended', status: status(), pod: pod() });
      expect(decision).toMatchObject({
        action: { type: 'none' },
        status: { name: 'build-2', attempt: 2, failures: 0 },
      });
      expect(decision.status?.uid).toBeUndefined();
    });

    it('stays away, and is made again on resumption', () => {
      const resting: PodStatus = { name: 'build-2', attempt: 2, failures: 0 };
      expect(decide({ operatingMode: 'Suspended', status: resting }).status).toEqual(resting);
      expect(decide({ status: resting }).action).toEqual({ type: 'create', attempt: 2 });
    });
  });
});
