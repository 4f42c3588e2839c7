import { describe, expect, it } from 'vitest';
import {
  active,
  ago,
  away,
  type Case,
  DAY,
  decide,
  HOUR,
  heard,
  inTime,
  key,
  NOW,
  policy,
  print,
  request,
  stored,
  summary,
} from '../testing/cases.ts';
import type { KeyDecision } from './decide.ts';

describe('a key', () => {
  it.each<[string, Case, string]>([
    ['is recorded before it is made', { keys: [], heard: heard() }, 'k1 Pending'],
    ['is made once it is recorded', { keys: [key('k1', 'Pending')], heard: heard() }, 'create k1'],
    [
      'is prepared once the store has it',
      { keys: [key('k1', 'Pending')], store: stored('k1'), heard: heard() },
      'k1 Prepared',
    ],
    [
      'is delivered after its fingerprint is recorded',
      { keys: [key('k1', 'Prepared')], secret: stored(), heard: heard() },
      'deliver k1',
    ],
    ['is not active before a live socket serves it', { keys: [key('k1', 'Prepared')], heard: heard() }, 'wait'],
    ['is active when one does', { keys: [key('k1', 'Prepared')], heard: heard('k1') }, 'k1 Active'],
    ['takes over from the one before', { keys: [active, key('k2', 'Prepared')] }, 'k1 Retiring, k2 Active'],
    [
      'does not take over while only the one before is served',
      { keys: [active, key('k2', 'Prepared')], heard: heard('k1') },
      'wait',
    ],
    [
      'is accepted until its time',
      { keys: [key('k1', 'Retiring', { retirementTime: inTime(1000) }), key('k2', 'Active')] },
      'wait',
    ],
    [
      'is retired at its time',
      { keys: [key('k1', 'Retiring', { retirementTime: ago(0) }), key('k2', 'Active')] },
      'k1 Retired, k2 Active',
    ],
    [
      'is not retired while none is active',
      { keys: [key('k1', 'Retiring', { retirementTime: ago(0) }), key('k2', 'Prepared')], heard: heard('k1') },
      'wait',
    ],
    [
      'leaves the Secret before the store',
      { keys: [key('k1', 'Retired'), key('k2', 'Active')], store: stored('k1', 'k2'), secret: stored('k1', 'k2') },
      'withdraw k1',
    ],
    [
      'leaves the store then',
      { keys: [key('k1', 'Retired'), key('k2', 'Active')], store: stored('k1', 'k2') },
      'destroy k1',
    ],
    [
      'stays in the store while nobody knows whether the Secret has it',
      { keys: [key('k1', 'Retired'), key('k2', 'Active')], store: stored('k1', 'k2'), secret: away },
      'wait',
    ],
    [
      'is destroyed only when it is gone',
      { keys: [key('k1', 'Retired'), key('k2', 'Active')] },
      'k1 Destroyed, k2 Active',
    ],
    [
      'that comes back into the store with a backup is destroyed again',
      {
        keys: [key('k1', 'Destroyed', { destructionTime: ago(HOUR) }), key('k2', 'Active')],
        store: stored('k1', 'k2'),
      },
      'destroy k1',
    ],
  ])('%s', (_, what, expected) => {
    expect(summary(decide(what))).toBe(expected);
  });

  it('has a time at which it is retired, which an overlap that is shortened brings nearer and nothing puts off', () => {
    const keys = [key('k1', 'Retiring', { retirementTime: inTime(12 * HOUR) }), key('k2', 'Active')];
    expect(decide({ keys })).toMatchObject({ type: 'wait', until: NOW + 12 * HOUR });
    expect(decide({ keys, policy: { ...policy, overlap: 30 * DAY } })).toMatchObject({
      type: 'wait',
      until: NOW + 12 * HOUR,
    });
    const shorter = decide({ keys, policy: { ...policy, overlap: HOUR } });
    expect(shorter).toMatchObject({ record: { keys: [{ retirementTime: inTime(HOUR) }, {}] } });
  });

  it('that a clock far ahead retired or made does not live, or wait, for years', () => {
    const ahead = [
      key('k1', 'Retiring', { retirementTime: inTime(400 * DAY) }),
      key('k2', 'Active', { creationTime: inTime(399 * DAY) }),
    ];
    const decision = decide({ keys: ahead });
    expect(decision).toMatchObject({ type: 'record', record: { keys: [{ retirementTime: inTime(DAY) }, {}] } });
    const next = decision.type === 'record' ? decision.record.nextRotationTime : undefined;
    expect(Date.parse(next ?? '')).toBeLessThanOrEqual(NOW + 90 * DAY);
  });
});

describe('a rotation', () => {
  it('is made for a new value, with the value handled in the same write', () => {
    const decision = decide({
      keys: [active],
      rotation: { ...request('one'), requestedBy: 'alice', reason: 'quarterly' },
    });
    expect(decision).toMatchObject({
      record: {
        keys: [
          {},
          { id: 'k2', state: 'Pending', trigger: 'Annotation', requestedBy: 'alice', requester: 'Unverified' },
        ],
        handledRequests: ['one'],
      },
    });
  });

  it.each<[string, Case, string]>([
    [
      'is not made for a value that was handled',
      { keys: [active], rotation: request('one'), record: { handledRequests: ['two', 'one'] } },
      'wait',
    ],
    ['is not made for the removal of the value', { keys: [active], record: { handledRequests: ['one'] } }, 'wait'],
    [
      'waits for the one that is under way',
      { keys: [active, key('k2', 'Prepared')], heard: heard('k1'), rotation: request('two') },
      'wait',
    ],
    [
      'waits while three keys are live',
      {
        keys: [
          key('k1', 'Retiring', { retirementTime: inTime(HOUR) }),
          key('k2', 'Retiring', { retirementTime: inTime(HOUR) }),
          key('k3', 'Active'),
        ],
        rotation: request('x'),
      },
      'wait',
    ],
    [
      'takes the number after all that there ever were',
      {
        keys: [active],
        store: {
          reachable: true,
          keys: [
            { id: 'k1', fingerprint: print('k1') },
            { id: 'k7', fingerprint: undefined },
          ],
        },
        rotation: request('x'),
      },
      'k1 Active, k8 Pending',
    ],
  ])('%s', (_, what, expected) => {
    expect(summary(decide(what))).toBe(expected);
  });

  it('follows for the value that stands there when the one under way has ended, once', () => {
    const ended = decide({
      keys: [active, key('k2', 'Prepared')],
      rotation: request('three'),
      record: { handledRequests: ['one'] },
    });
    expect(ended).toMatchObject({
      record: { keys: [{}, {}, { id: 'k3', state: 'Pending' }], handledRequests: ['three', 'one'] },
    });
  });

  it('comes with the period, counted from the newest key, and a request that is there then is handled by it', () => {
    const old = key('k1', 'Active', { creationTime: ago(91 * DAY) });
    expect(decide({ keys: [old] })).toMatchObject({ record: { keys: [{}, { trigger: 'Schedule' }] } });
    expect(decide({ keys: [old], rotation: request('one') })).toMatchObject({
      record: { keys: [{}, { trigger: 'Annotation' }], handledRequests: ['one'] },
    });
  });

  it('that came with the manifest is the first key itself', () => {
    const decision = decide({ keys: [], heard: heard(), rotation: request('one') });
    expect(decision).toMatchObject({ record: { keys: [{ id: 'k1', trigger: 'Initial' }], handledRequests: ['one'] } });
  });

  it('keeps ten handled values, and a history of ten that says how many it dropped', () => {
    const handled = Array.from({ length: 10 }, (_, n) => `v${n}`);
    const gone = Array.from({ length: 9 }, (_, n) => key(`k${n + 1}`, 'Destroyed', { destructionTime: ago(HOUR) }));
    const decision = decide({
      keys: [...gone, key('k10', 'Active')],
      rotation: request('new'),
      record: { handledRequests: handled, dropped: 2 },
    });
    if (decision.type !== 'record') throw new Error(decision.type);
    expect(decision.record.handledRequests).toEqual(['new', ...handled.slice(0, 9)]);
    expect(decision.record.keys.map(({ id }) => id)).toEqual([
      'k2',
      'k3',
      'k4',
      'k5',
      'k6',
      'k7',
      'k8',
      'k9',
      'k10',
      'k11',
    ]);
    expect(decision.record.dropped).toBe(3);
  });
});

describe('pokes', () => {
  const delivery = { keys: ['k1', 'k2'], time: ago(0) };
  const keys = [active, key('k2', 'Prepared')];
  const at = (milliseconds: number, more: Partial<Case> = {}) => {
    const pod = { startTime: NOW - HOUR, poked: undefined };
    return decide(
      { keys, heard: heard('k1'), pod, ...more, record: { delivery, nextRotationTime: inTime(DAY), ...more.record } },
      NOW + milliseconds,
    );
  };
  const pokedAfter = (seconds: number) => `k1,k2 ${delivery.time} +${seconds}s`;
  // The time of the next rotation is another one than the case has: that it is written first is not what this is about.
  const value = (decision: KeyDecision) =>
    decision.type === 'effect' && decision.effect.type === 'poke' ? decision.effect.value : decision.type;
  const settledAt = (milliseconds: number, poked?: string, more: Partial<Case> = {}) => {
    const first = at(milliseconds, more);
    const nextRotationTime = first.type === 'record' ? first.record.nextRotationTime : undefined;
    return at(milliseconds, {
      ...more,
      pod: { startTime: NOW - HOUR, poked },
      ...more,
      record: { delivery, nextRotationTime },
    });
  };

  it.each([0, 1, 3, 8, 20])('come %i s after the Secret was changed', (seconds) => {
    expect(value(settledAt(seconds * 1000))).toBe(pokedAfter(seconds));
    expect(settledAt(seconds * 1000, pokedAfter(seconds)).type).toBe('wait');
  });

  it('wait for each other', () => {
    expect(settledAt(1_500, pokedAfter(1))).toMatchObject({ type: 'wait', until: NOW + 3_000 });
  });

  it('end when the sidecar has what the Secret holds', () => {
    const decision = settledAt(3_000, pokedAfter(1), {
      heard: heard('k1', 'k2'),
      keys: [key('k1', 'Retiring', { retirementTime: inTime(DAY) }), key('k2', 'Active')],
    });
    expect(decision.type).toBe('wait');
  });
});

describe('a failure', () => {
  const failing = {
    dependency: 'Store',
    code: 'sealed',
    message: 'it is sealed',
    failures: 3,
    sinceTime: ago(60_000),
    retryTime: inTime(4_000),
  } as const;

  it('is recorded with its beginning when the place is known to be away, and tried again later each time', () => {
    const keys = [key('k1', 'Retired'), key('k2', 'Active')];
    const first = decide({ keys, store: away });
    expect(first).toMatchObject({
      record: { failures: [{ dependency: 'Store', code: 'sealed', failures: 1, sinceTime: ago(0) }] },
    });
    const fourth = decide({ keys, store: away, record: { failures: [{ ...failing, retryTime: ago(0) }] } });
    expect(fourth).toMatchObject({
      record: { failures: [{ failures: 4, sinceTime: ago(60_000), retryTime: inTime(8_000) }] },
    });
  });

  it.each<[string, Case]>([
    ['a first key', { keys: [], store: away, heard: heard() }],
    ['a rotation', { keys: [active], store: away, rotation: request('x') }],
  ])('is recorded for %s that waits, since nobody knows which numbers are taken', (_, what) => {
    const first = decide(what);
    expect(first).toMatchObject({ record: { keys: what.keys, failures: [{ code: 'sealed', sinceTime: ago(0) }] } });
    const paused = { ...what, record: { failures: [failing] } };
    expect(decide(paused)).toMatchObject({ type: 'wait', until: NOW + 4_000 });
    const back = decide({ ...paused, store: stored(...what.keys.map(({ id }) => id)) });
    expect(back).toMatchObject({ record: { failures: [] } });
    expect(summary(back)).toContain('Pending');
  });

  it('makes what depends on it wait, and nothing else', () => {
    const keys = [active, key('k2', 'Pending')];
    expect(decide({ keys, record: { failures: [failing] } })).toMatchObject({ type: 'wait', until: NOW + 4_000 });
    expect(summary(decide({ keys, secret: stored(), record: { failures: [failing] } }))).toBe('deliver k1');
  });

  it('is over when nothing more is wanted of what failed', () => {
    expect(decide({ keys: [active], record: { failures: [failing] } })).toMatchObject({ record: { failures: [] } });
  });
});
