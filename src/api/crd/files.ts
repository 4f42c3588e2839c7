import { stringify } from 'yaml';
import { keyRole, keysPolicy, keysPolicyBinding } from '../duties.ts';
import { KINDS } from '../kinds/kinds.ts';
import { GROUP } from '../names.ts';
import { customResourceDefinition } from './crd.ts';
import { referenceText } from './reference.ts';
import { clusterRole, USER_ROLES } from './roles.ts';

const HEADER = 'Made by `npm run generate` from src/api: change that, not this.';

/** Every generated file: its path from the top of the project, and its content. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const crds = KINDS.map(
    (kind) => [`crds/${GROUP}_${kind.plural}.yaml`, yaml(customResourceDefinition(kind))] as const,
  );
  const roles = USER_ROLES.map(
    (role) => [`config/rbac/${role.name}.yaml`, yaml(clusterRole(role), role.note)] as const,
  );
  return new Map([
    ...crds,
    ['crds/kustomization.yaml', kustomization(crds.map(([path]) => path))],
    ...roles,
    ['config/rbac/kustomization.yaml', kustomization(roles.map(([path]) => path))],
    ...dutiesFiles(),
    ['docs/reference.md', `<!-- ${HEADER} -->\n\n${referenceText()}\n`],
  ]);
}

/** The chart gives them their names: they are the chart's alone. */
function dutiesFiles(): [string, string][] {
  const objects = {
    policy: keysPolicy('policy'),
    binding: keysPolicyBinding('binding'),
    'key-rotator': keyRole('key-rotator', 'rotate'),
    'key-revoker': keyRole('key-revoker', 'revoke'),
  };
  return Object.entries(objects).map(([name, object]) => [`charts/noisefleet/files/duties/${name}.yaml`, yaml(object)]);
}

function yaml(content: object, note?: string): string {
  const head = `# ${HEADER}\n${note === undefined ? '' : `# ${note}\n`}`;
  return `${head}${stringify(content, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

function kustomization(paths: readonly string[]): string {
  const resources = paths.map((path) => path.slice(path.lastIndexOf('/') + 1));
  return yaml({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources });
}
