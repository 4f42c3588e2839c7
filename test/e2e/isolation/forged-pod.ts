import { API_VERSION, AUDIENCES } from '../../../src/api/index.ts';
import { keySecretName } from '../../../src/keys/index.ts';
import { childLabels } from '../../../src/operator/children/child.ts';
import { neighbour } from './pods.ts';

export interface ForgedPodOptions {
  readonly name: string;
  /** The Executor that it would like to be; with its UID it says that this one owns it. */
  readonly executor: { readonly name: string; readonly uid?: string };
}

/** What the right to create pods is good for: the labels of an executor's pod, its key, a token of its ServiceAccount for the registry. */
export function forgedPod({ name, executor }: ForgedPodOptions) {
  const { metadata, spec } = neighbour(name);
  const token = { serviceAccountToken: { audience: AUDIENCES.registry, path: 'token', expirationSeconds: 600 } };
  const owner = { apiVersion: API_VERSION, kind: 'Executor', controller: true, name: executor.name };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      labels: childLabels({ kind: 'Executor', name: executor.name }, 'executor'),
      ...(executor.uid !== undefined && {
        ownerReferences: [{ ...owner, uid: executor.uid }],
        finalizers: ['example.com/stays'],
      }),
    },
    spec: {
      ...spec,
      containers: spec.containers.map((each) => ({
        ...each,
        volumeMounts: [
          { name: 'token', mountPath: '/token' },
          { name: 'keys', mountPath: '/keys' },
        ],
      })),
      volumes: [
        { name: 'token', projected: { sources: [token] } },
        { name: 'keys', secret: { secretName: keySecretName(executor) } },
      ],
    },
  };
}
