import type {
  Applier,
  ConfigMap,
  Deployment,
  EventRecorder,
  NetworkPolicy,
  ObjectApi,
  ObjectRef,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  Secret,
  Service,
  ServiceAccount,
} from '../kube/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import type { ServedExecutor, ServedGrant, ServedRelay } from './own-kinds.ts';

/** What informers hold of one kind. It may be behind: whoever concludes from an absence asks the server first. */
export interface ReadStore<T> {
  get(ref: ObjectRef): T | undefined;
  list(namespace?: string): readonly T[];
}

/** The index of pods by the UID of their controller. */
export const BY_CONTROLLER = 'controller';

/** A namespace may have thousands of pods, and each executor asks for its own at each look. */
interface PodStore extends ReadStore<Pod> {
  by(index: typeof BY_CONTROLLER, uid: string): readonly Pod[];
}

/** Our own kinds, everywhere; our children, in the namespaces that are enabled. */
export interface Stores {
  readonly relays: ReadStore<ServedRelay>;
  readonly executors: ReadStore<ServedExecutor>;
  readonly grants: ReadStore<ServedGrant>;
  readonly pods: PodStore;
  /** Without those of executors. */
  readonly secrets: ReadStore<Secret>;
  readonly configMaps: ReadStore<ConfigMap>;
  readonly services: ReadStore<Service>;
  readonly serviceAccounts: ReadStore<ServiceAccount>;
  readonly deployments: ReadStore<Deployment>;
  readonly podDisruptionBudgets: ReadStore<PodDisruptionBudget>;
  readonly networkPolicies: ReadStore<NetworkPolicy>;
  readonly persistentVolumeClaims: ReadStore<PersistentVolumeClaim>;
}

/** What a thin reconcile acts with. */
export interface World {
  readonly api: ObjectApi;
  readonly applier: Applier;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly stores: Stores;
  /** Whether the children in this namespace were read once. */
  readonly synced: (namespace: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}
