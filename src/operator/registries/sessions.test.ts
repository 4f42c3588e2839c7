import { describe, expect, it } from 'vitest';
import { readExecutor } from '../../api/index.ts';
import { parseEnvironmentId, parseFingerprint } from '../../wire/index.ts';
import { combine, type ExecutorFacts } from './facts.ts';
import { isNews, SHOWN_FOR_MS, sessionsStatus } from './sessions.ts';

const now = Date.parse('2026-11-21T08:00:00Z');
const nothing = combine([], undefined);
const facts = (change: Partial<ExecutorFacts>): ExecutorFacts => ({ ...nothing, ...change });
const before = { count: 2 };

describe('the sessions in status', () => {
  it('are what is known', () => {
    const known = facts({ known: true, sessions: 3, lastActivity: now / 1000 });
    expect(sessionsStatus(before, known, { changedAt: 0, now })).toEqual({
      sessions: { count: 3, lastActivityTime: '2026-11-21T08:00:00Z' },
    });
  });

  it('stay for a minute after the registries were lost, and look at that again', () => {
    const until = now - 1000 + SHOWN_FOR_MS;
    expect(sessionsStatus(before, nothing, { changedAt: now - 1000, now })).toEqual({ sessions: before, until });
    expect(sessionsStatus(before, nothing, { changedAt: now - 1000, now: until })).toEqual({ sessions: undefined });
  });

  it('are gone at once when a registry says that nobody knows', () => {
    expect(sessionsStatus(before, facts({ known: true }), { changedAt: now, now })).toEqual({ sessions: undefined });
  });

  it('are never made up', () => {
    expect(sessionsStatus(undefined, nothing, { changedAt: now, now })).toEqual({ sessions: undefined });
  });
});

describe('what registries say is news for an executor', () => {
  const fingerprint = parseFingerprint(`SHA256:${'A'.repeat(43)}`);
  const deniedBy = (...by: string[]): ExecutorFacts['denies'] => [
    {
      ...{ id: 'deny-1', environmentId: parseEnvironmentId('team-a_build'), match: { fingerprint } },
      ...{ reason: 'revoked', since: 1, until: 2, acknowledgements: by.map((each) => ({ by: each, time: 1 })) },
    },
  ];
  const completed = { acknowledged: 1, expected: 2, missing: ['relay a'], completionTime: '2026-11-21T08:00:00Z' };
  const gone = { destructionTime: '2026-11-21T08:00:00Z' };
  const loaded = new Set([fingerprint]);

  it.each<[boolean, string, object, Partial<ExecutorFacts>]>([
    [true, 'while a revoked key is not cut everywhere', { state: 'Revoked' }, {}],
    [
      true,
      'of a relay that was missing',
      { state: 'Revoked', cut: completed, ...gone },
      { denies: deniedBy('relay a') },
    ],
    [false, 'but of no other', { state: 'Revoked', cut: completed, ...gone }, { denies: deniedBy('relay b') }],
    [true, 'of a key that is out of memory', { state: 'Revoked', cut: completed }, { loaded: new Set() }],
    [false, 'but of none that is not', { state: 'Revoked', cut: completed }, { loaded }],
    [false, 'nor while nobody says', { state: 'Revoked', cut: completed }, {}],
    [
      true,
      'also when it came too late',
      { state: 'Revoked', cut: completed, ...gone, heldBy: ['x'] },
      { loaded: new Set() },
    ],
    [false, 'and not of a key that serves', { state: 'Active' }, { loaded, denies: deniedBy('relay a') }],
  ])('%s: %s', (expected, _, key, change) => {
    const trigger = { trigger: 'Initial', creationTime: '2026-11-21T07:00:00Z' };
    const executor = readExecutor({
      ...{ apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor', spec: { relayRef: { name: 'main' } } },
      metadata: {
        ...{ name: 'build', namespace: 'team-a', uid: 'uid', resourceVersion: '1', generation: 1 },
        creationTimestamp: '2026-11-01T00:00:00Z',
      },
      status: { keys: [{ id: 'k1', fingerprint, ...trigger, ...key }] },
    });
    expect(isNews(executor, facts({ known: true, ...change }))).toBe(expected);
  });
});
