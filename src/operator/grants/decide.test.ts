import { describe, expect, it } from 'vitest';
import { readExecutor, readExecutorGrant } from '../../api/index.ts';
import { decideGrant } from './decide.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const metadata = (name: string, labels = {}) => ({
  name,
  namespace: 'team-a',
  uid: name,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels,
});
const API = { apiVersion: 'noisefleet.dev/v1alpha1' };
const executor = (name: string, labels: object) =>
  readExecutor({ ...API, kind: 'Executor', metadata: metadata(name, labels), spec: { relayRef: { name: 'main' } } });
const grant = (spec: object) =>
  readExecutorGrant({
    ...API,
    kind: 'ExecutorGrant',
    metadata: metadata('ci'),
    spec: { subjects: [{ kind: 'ServiceAccount', name: 'runner' }], ...spec },
  });
const all = [executor('a', { tier: 'ci' }), executor('b', {})];

describe('a grant', () => {
  it.each([
    [{ executorSelector: { matchLabels: { tier: 'ci' } } }, 1, 'InForce'],
    [{ executorSelector: {} }, 2, 'InForce'],
    [{ executorSelector: { matchLabels: { tier: 'none' } } }, 0, 'NothingSelected'],
    [{}, 0, 'NothingSelected'],
  ])('with %j selects %i executors', (spec, executors, reason) => {
    const decision = decideGrant(grant(spec), all, NOW);
    expect(decision).toMatchObject({ executors, findings: [{ type: 'Ready', status: 'True', reason }] });
    expect(decision.nextTime).toBeUndefined();
  });

  it('is looked at again when it expires, and then says so', () => {
    const ending = grant({ executorSelector: {}, expirationTime: '2026-11-21T08:00:01Z' });
    expect(decideGrant(ending, all, NOW).nextTime).toBe(NOW + 1000);
    expect(decideGrant(ending, all, NOW + 1000)).toMatchObject({
      nextTime: undefined,
      findings: [
        { type: 'Ready', status: 'False', reason: 'Expired' },
        { type: 'Stalled', status: 'True', reason: 'Expired' },
      ],
    });
  });
});
