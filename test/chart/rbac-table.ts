import type { RenderedObject, Rule } from './helm.ts';

const HEAD = ['| Role | Bound | To | API group | Resources | Verbs |', '| --- | --- | --- | --- | --- | --- |'];

/** Every right that a rendered chart gives to a process of ours, one line a rule. Roles for people are not bound by the chart. */
export function rbacTable(objects: readonly RenderedObject[]): string {
  const roles = new Map(
    objects.filter(({ rules }) => rules !== undefined).map((role) => [`${role.kind} ${role.metadata.name}`, role]),
  );
  const rows = new Set<string>();
  for (const { kind, metadata, roleRef, subjects = [] } of objects) {
    if (roleRef === undefined) continue;
    const role = `${roleRef.kind} ${roleRef.name}`;
    const where = kind === 'ClusterRoleBinding' ? 'cluster-wide' : `in ${placeOf(metadata.namespace)}`;
    for (const subject of subjects) {
      const rules = roles.get(role)?.rules ?? [];
      for (const rule of rules) rows.add(rowOf(role, where, subject.name, rule));
    }
  }
  return [...HEAD, ...[...rows].sort()].join('\n');
}

function rowOf(role: string, where: string, subject: string, rule: Rule): string {
  const { apiGroups, resources, resourceNames, verbs } = rule;
  const only = resourceNames === undefined ? '' : ` (only ${resourceNames.join(', ')})`;
  const group = apiGroups.map((each) => (each === '' ? 'core' : each)).join(', ');
  return `| ${role} | ${where} | ${subject} | ${group} | ${resources.join(', ')}${only} | ${verbs.join(', ')} |`;
}

/** The test renders for two example namespaces; the table speaks of any. */
function placeOf(namespace = ''): string {
  return namespace === 'noisefleet' ? 'its own namespace' : 'each enabled namespace';
}
