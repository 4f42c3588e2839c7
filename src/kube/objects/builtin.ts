import type {
  EventsV1Event,
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1Lease,
  V1Namespace,
  V1NetworkPolicy,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1Secret,
  V1Service,
  V1ServiceAccount,
} from '@kubernetes/client-node';
import type { Served } from './object.ts';
import { defineResource } from './resource.ts';

export type Pod = Served<V1Pod>;
export type Secret = Served<V1Secret>;
export type ConfigMap = Served<V1ConfigMap>;
export type Service = Served<V1Service>;
export type ServiceAccount = Served<V1ServiceAccount>;
export type PersistentVolumeClaim = Served<V1PersistentVolumeClaim>;
export type Namespace = Served<V1Namespace>;
export type Node = Served<V1Node>;
export type Deployment = Served<V1Deployment>;
export type PodDisruptionBudget = Served<V1PodDisruptionBudget>;
export type NetworkPolicy = Served<V1NetworkPolicy>;
export type Lease = Served<V1Lease>;
export type Event = Served<EventsV1Event>;
export type CustomResourceDefinition = Served<V1CustomResourceDefinition>;

export const pods = defineResource<Pod>({ kind: 'Pod', plural: 'pods' });
export const secrets = defineResource<Secret>({ kind: 'Secret', plural: 'secrets' });
export const configMaps = defineResource<ConfigMap>({ kind: 'ConfigMap', plural: 'configmaps' });
export const services = defineResource<Service>({ kind: 'Service', plural: 'services' });
export const serviceAccounts = defineResource<ServiceAccount>({ kind: 'ServiceAccount', plural: 'serviceaccounts' });
export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>({
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
});
export const namespaces = defineResource<Namespace>({ kind: 'Namespace', plural: 'namespaces', namespaced: false });
export const nodes = defineResource<Node>({ kind: 'Node', plural: 'nodes', namespaced: false });
export const deployments = defineResource<Deployment>({ group: 'apps', kind: 'Deployment', plural: 'deployments' });
export const podDisruptionBudgets = defineResource<PodDisruptionBudget>({
  group: 'policy',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
});
export const networkPolicies = defineResource<NetworkPolicy>({
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
});
export const leases = defineResource<Lease>({ group: 'coordination.k8s.io', kind: 'Lease', plural: 'leases' });
export const events = defineResource<Event>({ group: 'events.k8s.io', kind: 'Event', plural: 'events' });
export const customResourceDefinitions = defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
});
