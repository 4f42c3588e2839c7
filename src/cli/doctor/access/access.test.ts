import { describe, expect, it } from 'vitest';
import type { StoredExecutorGrant } from '../../../api/index.ts';
import { storedExecutor, storedGrant } from '../testing/stored.ts';
import { executorFinding } from './executor.ts';
import { grantsFinding } from './grants.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const DEV = { namespace: 'team-a', name: 'dev' };
const TRANSITION = '2026-11-21T11:00:00Z';

function condition(type: string, status: string, reason: string, observedGeneration = 1) {
  return { type, status, reason, message: 'in its own words', lastTransitionTime: TRANSITION, observedGeneration };
}

describe('the check of the executor', () => {
  it.each([
    ['is Ready', [condition('Ready', 'True', 'Registered')], 'executor_ready'],
    ['is on its way', [condition('Ready', 'Unknown', 'PodPending')], 'executor_waits'],
    ['was suspended', [condition('Ready', 'False', 'Suspended')], 'executor_waits'],
    ['lost its connection', [condition('Ready', 'False', 'Disconnected')], 'executor_not_ready'],
    [
      'waits for a human',
      [condition('Ready', 'False', 'Stalled'), condition('Stalled', 'True', 'RelayNotAllowed')],
      'executor_stalled',
    ],
    ['was never looked at', [], 'executor_waits'],
  ])('knows one that %s', (_name, conditions, code) => {
    const executor = { kind: 'known', value: storedExecutor({ status: { conditions } }) } as const;
    expect(executorFinding('team-a/build', executor).code).toBe(code);
  });

  it('does not believe a condition of an older spec', () => {
    const status = { conditions: [condition('Ready', 'True', 'Registered', 1)] };
    const executor = { kind: 'known', value: storedExecutor({ status, generation: 2 }) } as const;
    expect(executorFinding('team-a/build', executor).code).toBe('executor_waits');
  });

  it.each([
    [{ kind: 'absent' } as const, 'executor_not_found'],
    [{ kind: 'unreadable', why: 'forbidden' } as const, 'not_readable'],
    [{ kind: 'no_cluster' } as const, 'no_cluster'],
  ])('tells what is not there from what may not be read: %j', (executor, code) => {
    expect(executorFinding('team-a/build', executor).code).toBe(code);
  });
});

describe('the check of grants', () => {
  function check(grants: readonly StoredExecutorGrant[], identity: typeof DEV | undefined = DEV) {
    return grantsFinding({
      label: 'team-a/build',
      executorLabels: { tier: 'ci' },
      grants: { kind: 'known', value: grants },
      identity,
      now: NOW,
    });
  }

  it.each([
    ['one in force', [storedGrant()], 'grant_in_force'],
    ['one that ends within the hour', [storedGrant({ expirationTime: '2026-11-21T12:30:00Z' })], 'grant_ends_soon'],
    ['one that ended', [storedGrant({ expirationTime: '2026-11-21T11:59:00Z' })], 'grant_expired'],
    [
      'one for other executors',
      [storedGrant({ executorSelector: { matchLabels: { tier: 'gpu' } } })],
      'grant_selects_others',
    ],
    ['one for none', [storedGrant({ executorSelector: null })], 'grant_selects_others'],
    [
      'one for another team',
      [storedGrant({ subjects: [{ kind: 'ServiceAccount', name: 'dev', namespace: 'team-b' }] })],
      'no_grant',
    ],
    [
      'one for everybody of the namespace',
      [storedGrant({ subjects: [{ kind: 'Group', name: 'system:serviceaccounts:team-a' }] })],
      'grant_in_force',
    ],
    ['none', [], 'no_grant'],
    [
      'one that ended, and another in force',
      [storedGrant({ expirationTime: '2026-11-21T11:59:00Z' }, 'a'), storedGrant({}, 'b')],
      'grant_in_force',
    ],
  ])('knows %s', (_name, grants, code) => {
    expect(check(grants).code).toBe(code);
  });

  it('names the grants that do reach the executor, for whoever asks to be added', () => {
    const ofCi = storedGrant({ subjects: [{ kind: 'ServiceAccount', name: 'runner', namespace: 'ci' }] });
    expect(check([ofCi]).says).toBe(
      'no grant in team-a names ServiceAccount team-a/dev; grants that reach it: ci (ServiceAccount ci/runner)',
    );
  });

  it('says for how long access is given, and since when it is over', () => {
    expect(check([storedGrant({ expirationTime: '2026-11-21T14:00:00Z' })]).says).toMatch(/for 2 hours more$/);
    expect(check([storedGrant({ expirationTime: '2026-11-21T11:59:48Z' })]).says).toMatch(/ended 12 seconds ago$/);
  });

  it('needs to know who asks', () => {
    const facts = { label: 'team-a/build', executorLabels: { tier: 'ci' }, identity: undefined, now: NOW };
    const finding = grantsFinding({ ...facts, grants: { kind: 'known', value: [storedGrant()] } });
    expect(finding).toMatchObject({
      code: 'not_tried',
      says: expect.stringContaining('ci (ServiceAccount team-a/dev)'),
    });
  });

  it('says that grants may not be read, and never that there are none', () => {
    const facts = { label: 'team-a/build', executorLabels: { tier: 'ci' }, identity: DEV, now: NOW };
    expect(grantsFinding({ ...facts, grants: { kind: 'unreadable', why: 'forbidden' } }).code).toBe('not_readable');
    expect(grantsFinding({ ...facts, grants: { kind: 'no_cluster' } }).code).toBe('no_cluster');
  });
});
