import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Kubectl } from '../kubectl.ts';

/** One right in one line: `verb group/resource`, with `=name` where only that object is meant. */
export type Right = string;

/** Where a role of the chart is bound. */
export type Place = 'cluster-wide' | 'in each enabled namespace' | 'in its own namespace';

export interface DocumentedRight {
  readonly to: string;
  readonly place: Place;
  readonly right: Right;
}

const rbacDocument = join(import.meta.dirname, '../../../docs/rbac.md');

/** The table in docs/rbac.md, which `test/chart` compares with the render of the chart. */
export function documentedRights(): DocumentedRight[] {
  const [, table = ''] =
    /<!-- rights -->\n\n([\s\S]*?)\n\n<!-- \/rights -->/.exec(readFileSync(rbacDocument, 'utf8')) ?? [];
  const rows = table.split('\n').slice(2);
  return rows.flatMap((row) => {
    const [, , place = '', to = '', groups = '', listed = '', verbs = ''] = row.split('|').map((cell) => cell.trim());
    const [, resources = '', name] = /^(.*?)(?: \(only (.*)\))?$/.exec(listed) ?? [];
    const rule = {
      apiGroups: groups.split(', ').map((group) => (group === 'core' ? '' : group)),
      resources: resources.split(', '),
      ...(name !== undefined && { resourceNames: [name] }),
      verbs: verbs.split(', '),
    };
    return rightsIn([rule]).map((right) => ({ to, place: placeOf(place), right }));
  });
}

function placeOf(text: string): Place {
  if (text === 'cluster-wide' || text === 'in each enabled namespace' || text === 'in its own namespace') return text;
  throw new Error(`docs/rbac.md has a place that is not known here: ${text}`);
}

const rule = z.object({
  verbs: z.array(z.string()),
  apiGroups: z.array(z.string()).default([]),
  resources: z.array(z.string()).default([]),
  resourceNames: z.array(z.string()).default([]),
});
const review = z.looseObject({
  status: z.looseObject({ incomplete: z.boolean(), resourceRules: z.array(rule) }),
});

/** What the API server says that somebody may do in a namespace; rights of everybody are among it. */
export async function rightsOf(kubectl: Kubectl, user: string, namespace: string): Promise<Set<Right>> {
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } };
  const create = ['create', '--raw', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', '-f', '-', '--as', user];
  const { status } = review.parse(JSON.parse(await kubectl.run(create, { input: JSON.stringify(body) })));
  if (status.incomplete) throw new Error(`the API server does not know all that ${user} may do`);
  return new Set(rightsIn(status.resourceRules));
}

function rightsIn(rules: readonly z.input<typeof rule>[]): Right[] {
  return rules.flatMap(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          resourceNames.length === 0
            ? [rightTo(verb, group, resource)]
            : resourceNames.map((name) => `${rightTo(verb, group, resource)}=${name}`),
        ),
      ),
    ),
  );
}

export function rightTo(verb: string, group: string, resource: string): Right {
  return `${verb} ${group}/${resource}`;
}
