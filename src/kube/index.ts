export { type Applied, Applier, type ApplierOptions } from './apply/applier.ts';
export { ALL_NAMESPACES, type FollowedNamespaces, Informer, type InformerOptions } from './cache/informer.ts';
export type { Change, IndexFunction, ReadableStore } from './cache/store.ts';
export type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  ListPage,
  ObjectApi,
  PatchType,
  Selection,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client/api.ts';
export { type Cluster, type ClusterOptions, connectToCluster } from './client/cluster.ts';
export { ApiError, type ApiErrorCode, isApiError, type StatusCause } from './client/errors.ts';
export { KubeconfigError, type KubeconfigErrorCode, type KubeconfigOptions } from './client/kubeconfig.ts';
export {
  type AccessReviewResult,
  type ResourceAttributes,
  requestToken,
  reviewAccess,
  reviewOwnAccess,
  reviewSelf,
  reviewToken,
  type TokenRequest,
  type TokenReviewResult,
} from './client/reviews.ts';
export { CLEANSE_PLAINTEXT } from './client/undici-transport.ts';
export type { Occurrence } from './events/event.ts';
export { EventRecorder, type EventRecorderOptions } from './events/recorder.ts';
export {
  type ConfigMap,
  type CustomResourceDefinition,
  configMaps,
  customResourceDefinitions,
  type Deployment,
  deployments,
  type Event,
  events,
  type Lease,
  leases,
  type Namespace,
  type NetworkPolicy,
  type Node,
  namespaces,
  networkPolicies,
  nodes,
  type PersistentVolumeClaim,
  type Pod,
  type PodDisruptionBudget,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type Secret,
  type Service,
  type ServiceAccount,
  secrets,
  serviceAccounts,
  services,
} from './objects/builtin.ts';
export { microTime, parseTime, secondTime } from './objects/micro-time.ts';
export type {
  KubeObject,
  ObjectMeta,
  ObjectRef,
  OwnerReference,
  Served,
  Wire,
  WritableMeta,
  WritableObject,
} from './objects/object.ts';
export { controllerOf, controllerReference, isControlledBy } from './objects/owner.ts';
export {
  apiVersionOf,
  defineResource,
  keyOf,
  metadataOf,
  type ObjectKey,
  pathOf,
  type Resource,
  type ResourceDefinition,
  refOf,
} from './objects/resource.ts';
export { type LabelSelector, labelSelectorText, matchesSelector } from './objects/selector.ts';
export { Controller, type ControllerOptions, type Reconcile, type ReconcileResult } from './run/controller.ts';
export { LeaderElection, type LeaderElectionOptions, type LeaderElectionRun } from './run/leader-election.ts';
export { LEASE_TIMES, type LeaseTimes } from './run/lease.ts';
export { createRuntimeMetrics, type RuntimeMetrics } from './run/runtime-metrics.ts';
export { Supervisor, type TaskFailure } from './run/supervisor.ts';
