import { KINDS } from '../kinds/kinds.ts';
import { GROUP, LABELS } from '../names.ts';

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

/** A user-facing role, which Kubernetes adds to its own of that name. */
interface UserRole {
  readonly name: 'view' | 'edit' | 'admin';
  readonly note: string;
  readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

const plurals = KINDS.map(({ plural }) => plural);
const scalable = KINDS.filter(({ scale }) => scale !== undefined).map(({ plural }) => `${plural}/scale`);

/**
 * Who may do what in a namespace, by the roles that people already have. Whoever may `edit` can make pods in any case, so executors are
 * his too; a grant lets others in, as a RoleBinding does, and is for `admin` alone.
 */
export const USER_ROLES: readonly UserRole[] = [
  {
    name: 'view',
    note: 'See relays, executors and grants with their statuses.',
    rules: [{ resources: [...plurals, ...plurals.map((plural) => `${plural}/status`), ...scalable], verbs: READ }],
  },
  {
    name: 'edit',
    note: 'Make, change and delete relays and executors. Not grants: those let others in.',
    rules: [
      { resources: ['executors', 'relays'], verbs: WRITE },
      { resources: scalable, verbs: ['patch', 'update'] },
    ],
  },
  {
    name: 'admin',
    note: 'Also grants: who may connect.',
    rules: [{ resources: ['executorgrants'], verbs: WRITE }],
  },
];

/** The ClusterRole of a user-facing role. */
export function clusterRole({ name, rules }: UserRole) {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: {
      name: `noisefleet-${name}`,
      labels: {
        [LABELS.name]: 'noisefleet',
        [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true',
        // What a role holds, the next one up holds too, also where somebody replaced Kubernetes' own edit and admin.
        ...(name === 'view' && aggregated('edit', 'admin')),
        ...(name === 'edit' && aggregated('admin')),
      },
    },
    rules: rules.map(({ resources, verbs }) => ({ apiGroups: [GROUP], resources, verbs })),
  };
}

function aggregated(...roles: readonly string[]): Record<string, string> {
  return Object.fromEntries(roles.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']));
}
