import { describe, expect, it } from 'vitest';
import { readRelay } from '../../../api/index.ts';
import { storedExecutor } from '../testing/stored.ts';
import { type ClusterFacts, clusterFindings } from './overview.ts';

const TRANSITION = '2026-11-21T11:00:00Z';

function relay(ready: 'True' | 'Unknown') {
  const condition = {
    type: 'Ready',
    status: ready,
    reason: ready === 'True' ? 'Available' : 'RollingOut',
    message: '',
  };
  return readRelay({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Relay',
    metadata: {
      name: 'main',
      namespace: 'agents',
      uid: 'b9e5a9a3-0d5e-4d4b-9d5b-2f2f0c0a7a11',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: TRANSITION,
    },
    spec: {},
    status: { conditions: [{ ...condition, lastTransitionTime: TRANSITION }] },
  });
}

const OPERATOR = { namespace: 'noisefleet', name: 'operator', replicas: 2, readyReplicas: 2, version: '0.1.0' };

const GOOD: ClusterFacts = {
  namespace: 'team-a',
  kinds: { kind: 'known', value: ['relays', 'relays/status', 'executors', 'executorgrants'] },
  operators: { kind: 'known', value: [OPERATOR] },
  relays: { kind: 'known', value: [relay('True')] },
  executors: { kind: 'known', value: [storedExecutor()] },
  rights: { kind: 'known', value: [{ what: 'get executors.noisefleet.dev', allowed: true }] },
};

function codes(more: Partial<ClusterFacts> = {}) {
  return clusterFindings({ ...GOOD, ...more }).map(({ code }) => code);
}

describe('the checks of a cluster', () => {
  it('find all that an executor needs', () => {
    expect(codes()).toEqual([
      'crds_installed',
      'operator_ready',
      'relays_ready',
      'namespaces_enabled',
      'rights_enough',
    ]);
  });

  it.each([
    ['no kind is served', { kinds: { kind: 'absent' } }, 'crds_missing'],
    ['a kind is missing', { kinds: { kind: 'known', value: ['relays', 'executors'] } }, 'crds_missing'],
    ['nobody operates', { operators: { kind: 'known', value: [] } }, 'operator_not_found'],
    [
      'the operator is not ready',
      { operators: { kind: 'known', value: [{ ...OPERATOR, readyReplicas: 0 }] } },
      'operator_not_ready',
    ],
    ['there is no relay', { relays: { kind: 'known', value: [] } }, 'no_relays'],
    [
      'a relay is on its way',
      { relays: { kind: 'known', value: [relay('True'), relay('Unknown')] } },
      'relays_not_ready',
    ],
    [
      'the caller may not all',
      { rights: { kind: 'known', value: [{ what: 'create executors', allowed: false }] } },
      'rights_missing',
    ],
    ['operators may not be read', { operators: { kind: 'unreadable', why: 'forbidden' } }, 'not_readable'],
  ] satisfies [string, Partial<ClusterFacts>, string][])('say that %s', (_name, facts, code) => {
    expect(codes(facts)).toContain(code);
  });

  it('say which namespace is not enabled, with the command that mends it', () => {
    const condition = {
      type: 'Stalled',
      status: 'True',
      reason: 'NamespaceNotEnabled',
      message: 'kubectl create rolebinding noisefleet -n team-a',
      lastTransitionTime: TRANSITION,
    };
    const executor = storedExecutor({ status: { conditions: [condition] } });
    const namespaces = clusterFindings({ ...GOOD, executors: { kind: 'known', value: [executor] } })[3];
    expect(namespaces).toMatchObject({
      code: 'namespace_not_enabled',
      todo: ['kubectl create rolebinding noisefleet -n team-a'],
    });
  });

  it('know nothing where no cluster is', () => {
    const none = { kind: 'no_cluster' } as const;
    const facts = { kinds: none, operators: none, relays: none, executors: none, rights: none };
    expect(new Set(codes(facts))).toEqual(new Set(['no_cluster']));
  });
});
