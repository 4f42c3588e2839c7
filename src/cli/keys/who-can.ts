import { GROUP, KEYS_SUBRESOURCE, type StoredExecutor } from '../../api/index.ts';
import { defineResource, type KubeObject, type ObjectApi } from '../../kube/index.ts';
import { bindRole, explainApi } from '../cluster/api-refusal.ts';
import { expiryOf, reaches } from '../doctor/access/grants.ts';
import { executorGrants } from '../doctor/cluster/own-kinds.ts';

export type Action = 'connect' | 'rotate' | 'revoke';

/** One who may, and by what. */
export interface Allowed {
  readonly kind: string;
  /** `NAMESPACE/NAME` of a ServiceAccount. */
  readonly name: string;
  /** The object that allows it: `ExecutorGrant ci`, `RoleBinding rotators (ClusterRole noisefleet-key-rotator)`. */
  readonly by: string;
  /** RFC 3339; absent: without end. */
  readonly until?: string;
}

interface RbacSubject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

type Role = KubeObject & { readonly rules?: readonly Rule[] | null };
type Binding = KubeObject & {
  readonly subjects?: readonly RbacSubject[];
  readonly roleRef: { readonly kind: string; readonly name: string };
};

const RBAC = { group: 'rbac.authorization.k8s.io' } as const;
const roles = defineResource<Role>({ ...RBAC, kind: 'Role', plural: 'roles' });
const clusterRoles = defineResource<Role>({ ...RBAC, kind: 'ClusterRole', plural: 'clusterroles', namespaced: false });
const roleBindings = defineResource<Binding>({ ...RBAC, kind: 'RoleBinding', plural: 'rolebindings' });
const clusterRoleBindings = defineResource<Binding>({
  ...{ ...RBAC, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', namespaced: false },
});

/** By the grants of its namespace that are in force. @throws CliError `forbidden`, … */
export async function whoMayConnect(api: ObjectApi, executor: StoredExecutor, now: number): Promise<Allowed[]> {
  const { namespace, labels } = executor.metadata;
  const { items } = await reading(api.list(executorGrants, { namespace }), (subject) =>
    bindRole('view', namespace, subject),
  );
  const inForce = items.filter((grant) => reaches(grant, labels) && expiryOf(grant) > now);
  return inForce.flatMap(({ metadata, spec }) =>
    spec.subjects.map((subject) => ({
      ...nameOf({ namespace: metadata.namespace, ...subject }),
      by: `ExecutorGrant ${metadata.name}`,
      ...(spec.expirationTime !== undefined && { until: spec.expirationTime }),
    })),
  );
}

/**
 * By RBAC, role by role: whoever has the verb on `executors/keys` together with `patch`, or may change the whole object. Other authorizers, and who is in
 * a group, are known to the API server alone.
 *
 * @throws CliError `forbidden`, …
 */
export async function whoMayChangeKeys(
  api: ObjectApi,
  { metadata: { namespace, name } }: StoredExecutor,
  verb: 'rotate' | 'revoke',
): Promise<Allowed[]> {
  const mend = (subject: string) =>
    `kubectl create clusterrole read-rbac --verb=get,list,watch --resource=roles,rolebindings,clusterroles,clusterrolebindings\nkubectl create clusterrolebinding read-rbac --clusterrole=read-rbac ${subject}`;
  const [own, wide, bound, boundWide] = await reading(
    Promise.all([
      api.list(roles, { namespace }),
      api.list(clusterRoles),
      api.list(roleBindings, { namespace }),
      api.list(clusterRoleBindings),
    ]),
    mend,
  );
  const rules = new Map(
    [...own.items, ...wide.items].map((role) => [`${role.kind} ${role.metadata.name}`, role.rules ?? []]),
  );
  return [...bound.items, ...boundWide.items].flatMap((binding) => {
    const role = `${binding.roleRef.kind} ${binding.roleRef.name}`;
    if (!lets(rules.get(role) ?? [], name, verb)) return [];
    const by = `${binding.kind} ${binding.metadata.name} (${role})`;
    return (binding.subjects ?? []).map((subject) => ({ ...nameOf(subject), by }));
  });
}

/**
 * Whether one role lets somebody ask: as a keeper of keys with that verb, or by a right on the whole object that nothing bounds. The admission policy
 * bounds whoever has `patch` with one of the verbs and without `update`. Pure.
 */
export function lets(rules: readonly Rule[], name: string, verb: 'rotate' | 'revoke'): boolean {
  const has = (resource: string, needed: string) => rules.some((rule) => grants(rule, resource, needed, name));
  const keys = `executors/${KEYS_SUBRESOURCE}`;
  if (has('executors', 'update')) return true;
  if (!has('executors', 'patch')) return false;
  return has(keys, verb) || !(has(keys, 'rotate') || has(keys, 'revoke'));
}

function grants(rule: Rule, resource: string, verb: string, name: string): boolean {
  const { apiGroups = [], resources = [], resourceNames = [], verbs } = rule;
  const covers = (list: readonly string[], ...words: readonly string[]) => list.some((each) => words.includes(each));
  const [, sub] = resource.split('/');
  return (
    covers(apiGroups, '*', GROUP) &&
    covers(resources, '*', resource, ...(sub === undefined ? [] : [`*/${sub}`])) &&
    covers(verbs, '*', verb) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

function nameOf({ kind, name, namespace }: RbacSubject): Pick<Allowed, 'kind' | 'name'> {
  return { kind, name: kind === 'ServiceAccount' ? `${namespace}/${name}` : name };
}

async function reading<T>(answer: Promise<T>, forbidden: (subject: string) => string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw explainApi(error, { forbidden });
  }
}
