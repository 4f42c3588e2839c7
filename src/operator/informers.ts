import { FIELD_MANAGER, LABELS } from '../api/index.ts';
import {
  ALL_NAMESPACES,
  type Change,
  configMaps,
  controllerOf,
  deployments,
  type IndexFunction,
  Informer,
  type KubeObject,
  metadataOf,
  networkPolicies,
  type ObjectApi,
  type ObjectKey,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type Resource,
  secrets,
  serviceAccounts,
  services,
} from '../kube/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import { type EnvironmentId, environmentIdOf } from '../wire/index.ts';
import type { OwnerKind } from './children/child.ts';
import { executorGrants, executors, relays, type ServedExecutor } from './own-kinds.ts';
import { registryPodOf } from './registries/replicas.ts';
import { BY_CONTROLLER, type Stores } from './world.ts';

export interface InformersOptions {
  readonly api: ObjectApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Registries know an executor by its environment id. */
const BY_ENVIRONMENT = 'environment';

interface ChildOptions<T> {
  readonly indexes?: Record<string, IndexFunction<T>>;
  /** Selectors beside that of all that is ours. */
  readonly labels?: readonly string[];
}

/** What the operator follows: our kinds everywhere, and our children (told by their label) in the namespaces that are enabled. */
export class Informers {
  readonly relays;
  readonly executors;
  readonly grants;
  readonly #children;

  constructor(options: InformersOptions) {
    const own = <T extends KubeObject>(resource: Resource<T>, indexes: Record<string, IndexFunction<T>> = {}) => {
      const informer = new Informer({ ...options, resource, indexes });
      informer.follow(ALL_NAMESPACES);
      return informer;
    };
    const children = <T extends KubeObject>(resource: Resource<T>, more: ChildOptions<T> = {}) =>
      new Informer({
        ...options,
        resource,
        indexes: more.indexes ?? {},
        labelSelector: [`${LABELS.managedBy}=${FIELD_MANAGER}`, ...(more.labels ?? [])].join(),
        fieldManager: FIELD_MANAGER,
      });
    this.relays = own(relays);
    this.executors = own(executors, {
      [BY_ENVIRONMENT]: ({ metadata }) => [environmentIdOf(metadata.namespace, metadata.name)],
    });
    this.grants = own(executorGrants);
    this.#children = {
      pods: children(pods, { indexes: { [BY_CONTROLLER]: controllerUid } }),
      secrets: children(secrets, { labels: [`${LABELS.component}!=executor`] }),
      // Of an executor's Secrets, its keys among them, nothing but that they changed: a process that holds no key has none to lose.
      executorSecrets: children(metadataOf(secrets), { labels: [`${LABELS.component}=executor`] }),
      configMaps: children(configMaps),
      services: children(services),
      serviceAccounts: children(serviceAccounts),
      deployments: children(deployments),
      podDisruptionBudgets: children(podDisruptionBudgets),
      networkPolicies: children(networkPolicies),
      persistentVolumeClaims: children(persistentVolumeClaims),
    };
    this.follow([]);
  }

  get stores(): Stores {
    const { pods, secrets, configMaps, services, serviceAccounts, deployments, ...others } = this.#children;
    return {
      relays: this.relays.store,
      executors: this.executors.store,
      grants: this.grants.store,
      pods: pods.store,
      secrets: secrets.store,
      configMaps: configMaps.store,
      services: services.store,
      serviceAccounts: serviceAccounts.store,
      deployments: deployments.store,
      podDisruptionBudgets: others.podDisruptionBudgets.store,
      networkPolicies: others.networkPolicies.store,
      persistentVolumeClaims: others.persistentVolumeClaims.store,
    };
  }

  /** Follows the children in these namespaces and no others. */
  follow(namespaces: Iterable<string>): void {
    const wanted = [...namespaces];
    for (const informer of Object.values(this.#children)) informer.follow(wanted);
  }

  /** Whether the children in this namespace were read once. */
  syncedIn(namespace: string): boolean {
    return Object.values(this.#children).every((informer) => informer.synced(namespace));
  }

  /** Resolves when our own kinds were read once. */
  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.relays, this.executors, this.grants].map((informer) => informer.whenSynced(signal)));
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const all = [this.relays, this.executors, this.grants, ...Object.values(this.#children)];
    await Promise.all(all.map((informer) => informer.run(signal)));
  }

  executorOf(environmentId: EnvironmentId): ServedExecutor | undefined {
    return this.executors.store.by(BY_ENVIRONMENT, environmentId)[0];
  }

  /** Tells the Relay of each change of a pod of its registry. The result stops it. */
  onRegistryPod(listener: (relay: ObjectKey) => void): () => void {
    return this.#children.pods.onChange(({ object }) => {
      const relay = registryPodOf(object);
      if (relay !== undefined) listener(relay);
    });
  }

  /** Tells each change of a child of an owner of this kind. The result stops it. */
  onChildOf(kind: OwnerKind, listener: (owner: { namespace: string; name: string }) => void): () => void {
    const stops = Object.values(this.#children).map((informer) =>
      informer.onChange((change: Change<KubeObject>) => {
        const { namespace } = change.object.metadata;
        // Also who was the owner before: somebody may have taken the reference out by hand.
        const owners = [change.object, ...(change.type === 'updated' ? [change.before] : [])].map(controllerOf);
        const names = owners.flatMap((owner) => (owner?.kind === kind ? [owner.name] : []));
        if (namespace !== undefined) for (const name of new Set(names)) listener({ namespace, name });
      }),
    );
    return () => {
      for (const stop of stops) stop();
    };
  }
}

function controllerUid(pod: KubeObject): string[] {
  const controller = controllerOf(pod);
  return controller === undefined ? [] : [controller.uid];
}
