import { selects } from '../../api/index.ts';
import { type EnvironmentId, environmentIdOf } from '../../wire/index.ts';
import { nextFence, nextKeys } from '../directory/environment-history.ts';
import type { DirectoryView, GrantRecord } from '../directory/view.ts';
import type { ExecutorFacts, GrantFacts, RelayFacts } from './cluster-objects.ts';

export interface NamespaceObjects {
  readonly executors: readonly ExecutorFacts[];
  readonly grants: readonly GrantFacts[];
}

/** Whose registry this is, and whom its relay takes. */
export interface TrustDomain {
  readonly namespace: string;
  readonly name: string;
  /** Undefined while there is no such Relay: it then takes nobody. */
  readonly relay: RelayFacts | undefined;
}

/**
 * One namespace as the registry sees it: grants select executors of their own namespace only, so nothing outside matters. `before` is the
 * last view of the same namespace, for what is remembered of fences and keys.
 */
export function namespaceView(
  before: DirectoryView,
  { executors, grants }: NamespaceObjects,
  domain: TrustDomain,
): DirectoryView {
  const served = executors.filter((executor) => serves(domain, executor));
  const environments = served.map((executor) => {
    const id = environmentIdOf(executor.namespace, executor.name);
    const earlier = before.environments.get(id);
    const fence = nextFence(earlier, executor.runtime === 'External' ? undefined : executor.fence);
    return [id, { id, runtime: executor.runtime, fence, keys: nextKeys(earlier, executor.keys) }] as const;
  });
  return {
    environments: new Map(environments),
    grants: grants.map((grant) => grantRecord(grant, served)).sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/**
 * Whether this registry is the executor's. Namespaces by label are the operator's to judge, since only it may read them; what it refuses is
 * refused here in any case.
 */
function serves({ namespace, name, relay }: TrustDomain, executor: ExecutorFacts): boolean {
  if (relay === undefined || executor.accepted === false) return false;
  if (executor.relay.namespace !== namespace || executor.relay.name !== name) return false;
  switch (relay.allowed) {
    case 'All':
      return true;
    case 'Same':
      return executor.namespace === namespace;
    case 'Selector':
      return executor.accepted === true;
    default:
      return relay.allowed satisfies never;
  }
}

function grantRecord(grant: GrantFacts, executors: readonly ExecutorFacts[]): GrantRecord {
  const { selector } = grant;
  const selected = selector === undefined ? [] : executors.filter(({ labels }) => selects(selector, labels));
  return {
    name: `${grant.namespace}/${grant.name}`,
    identities: new Set(grant.identities),
    namespaces: new Set(grant.namespaces),
    environments: new Set<EnvironmentId>(selected.map(({ namespace, name }) => environmentIdOf(namespace, name))),
    expiresAt: grant.expiresAt,
  };
}
