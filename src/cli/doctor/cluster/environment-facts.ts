import type { StoredExecutor, StoredExecutorGrant } from '../../../api/index.ts';
import type { ObjectApi } from '../../../kube/index.ts';
import { type Known, readIfAllowed } from './known.ts';
import { executorGrants, executors } from './own-kinds.ts';

/** What the cluster says of one executor, as far as the caller may read it. */
export interface EnvironmentFacts {
  readonly executor: Known<StoredExecutor>;
  /** All grants of its namespace. */
  readonly grants: Known<readonly StoredExecutorGrant[]>;
}

/** Without a cluster nothing is known, and that is no failure: the registry is asked all the same. */
export const NO_CLUSTER: EnvironmentFacts = { executor: { kind: 'no_cluster' }, grants: { kind: 'no_cluster' } };

/** Never rejects: what could not be read says why. */
export async function readEnvironmentFacts(
  api: ObjectApi,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<EnvironmentFacts> {
  const [executor, grants] = await Promise.all([
    readIfAllowed((signal) => api.get(executors, { namespace, name }, { signal })),
    readIfAllowed(async (signal) => (await api.list(executorGrants, { namespace, signal })).items),
  ]);
  return { executor, grants };
}
