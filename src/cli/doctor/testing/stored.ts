import { readExecutor, readExecutorGrant, type StoredExecutor, type StoredExecutorGrant } from '../../../api/index.ts';

/** An Executor `team-a/build` with the label `tier: ci`, as the API server would return it. */
export function storedExecutor({
  status = {},
  generation = 1,
}: {
  status?: object;
  generation?: number;
} = {}): StoredExecutor {
  return readExecutor({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Executor',
    metadata: { ...metadata('build'), generation, labels: { tier: 'ci' } },
    spec: { relayRef: { name: 'main' } },
    status,
  });
}

/** A grant in `team-a` that lets ServiceAccount `team-a/dev` reach `tier: ci`. */
export function storedGrant(spec: object = {}, name = 'ci'): StoredExecutorGrant {
  return readExecutorGrant({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'ExecutorGrant',
    metadata: metadata(name),
    spec: {
      subjects: [{ kind: 'ServiceAccount', name: 'dev' }],
      executorSelector: { matchLabels: { tier: 'ci' } },
      ...spec,
    },
  });
}

function metadata(name: string) {
  return {
    name,
    namespace: 'team-a',
    uid: 'b9e5a9a3-0d5e-4d4b-9d5b-2f2f0c0a7a11',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-11-01T00:00:00Z',
  };
}
