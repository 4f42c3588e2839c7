import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { cluster } from '../cluster-fixture.ts';
import type { Kubectl } from '../kubectl.ts';

const SAMPLE = join(import.meta.dirname, '../../../config/samples/quickstart/developer.yaml');
const kubeconfig = z.looseObject({
  clusters: z.array(z.looseObject({ name: z.string(), cluster: z.looseObject({}) })).min(1),
});

/**
 * The kubeconfig of somebody who has the Role of the sample and no other right in the cluster. People are ServiceAccounts here, since the test
 * cluster knows no others.
 */
export async function developerKubeconfig(kubectl: Kubectl, namespace: string): Promise<string> {
  const person = { kind: 'ServiceAccount', name: 'a-developer', namespace };
  const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'noisefleet-connect-dev' };
  await kubectl.apply(
    readFileSync(SAMPLE, 'utf8').replaceAll('namespace: agents', `namespace: ${namespace}`),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: person.name } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'a-developer-connects' },
      roleRef: role,
      subjects: [person],
    },
  );
  const token = (await kubectl.run(['create', 'token', person.name, '--duration=1h'])).trim();
  const [first] = kubeconfig.parse(parse(readFileSync(cluster().kubeconfig, 'utf8'))).clusters;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [first],
    users: [{ name: person.name, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: first?.name, user: person.name, namespace } }],
    'current-context': 'test',
  });
}
