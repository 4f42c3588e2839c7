import { z } from 'zod';
import { API_VERSION, GROUP, LABELS } from '../../../api/index.ts';
import { deployments, type ObjectApi, type ResourceAttributes, reviewOwnAccess } from '../../../kube/index.ts';
import { readIfAllowed } from './known.ts';
import type { ClusterFacts, OperatorDeployment, Right } from './overview.ts';
import { executors, relays } from './own-kinds.ts';

const discovery = z.object({ resources: z.array(z.object({ name: z.string() })) });

/** What developers and owners of executors do; `docs/rbac.md` says who needs which. */
const ASKED: readonly Omit<ResourceAttributes, 'namespace'>[] = [
  { group: GROUP, resource: 'executors', verb: 'get' },
  { group: GROUP, resource: 'executorgrants', verb: 'list' },
  { group: GROUP, resource: 'executors', verb: 'create' },
  { resource: 'serviceaccounts', subresource: 'token', verb: 'create' },
];

const OPERATOR = `${LABELS.name}=noisefleet,${LABELS.component}=operator`;
const VERSION_LABEL = 'app.kubernetes.io/version';

/** Never rejects: what could not be read says why. `namespace`: the one whose rights are asked. */
export async function readClusterFacts(api: ObjectApi, namespace: string): Promise<ClusterFacts> {
  const [kinds, operators, ofRelays, ofExecutors, rights] = await Promise.all([
    readIfAllowed(async (signal) =>
      discovery.parse(await api.read(`/apis/${API_VERSION}`, { signal })).resources.map(({ name }) => name),
    ),
    readIfAllowed((signal) => operatorsOf(api, signal)),
    readIfAllowed(async (signal) => (await api.list(relays, { signal })).items),
    readIfAllowed(async (signal) => (await api.list(executors, { signal })).items),
    readIfAllowed((signal) => Promise.all(ASKED.map((asked) => rightOf(api, { ...asked, namespace }, signal)))),
  ]);
  return { namespace, kinds, operators, relays: ofRelays, executors: ofExecutors, rights };
}

async function operatorsOf(api: ObjectApi, signal: AbortSignal): Promise<OperatorDeployment[]> {
  const { items } = await api.list(deployments, { labelSelector: OPERATOR, signal });
  return items.map(({ metadata, spec, status }) => ({
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    replicas: spec?.replicas ?? 1,
    readyReplicas: status?.readyReplicas ?? 0,
    version: metadata.labels?.[VERSION_LABEL],
  }));
}

async function rightOf(api: ObjectApi, asked: ResourceAttributes, signal: AbortSignal): Promise<Right> {
  const { allowed } = await reviewOwnAccess(api, asked, { signal });
  const { verb, resource, subresource, group } = asked;
  const name = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === undefined ? '' : `.${group}`}`;
  return { what: `${verb} ${name}`, allowed };
}
