import { API_VERSION, GROUP, readExecutor, readExecutorGrant, readRelay, VERSION } from '../../api/index.ts';
import {
  ALL_NAMESPACES,
  type Change,
  defineResource,
  Informer,
  type KubeObject,
  type ObjectApi,
  type Resource,
} from '../../kube/index.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { ClusterDirectory } from './cluster-directory.ts';
import type { ExecutorFacts, GrantFacts, RelayFacts } from './cluster-objects.ts';
import type { ObjectName } from './cluster-proofs.ts';
import { executorFacts, grantFacts, relayFacts } from './facts.ts';

/** So soon a broken watch is known, and ids that are not here may exist after all. Milliseconds. */
const LOOK_MS = 1_000;

export interface ClusterSourceOptions {
  readonly api: ObjectApi;
  readonly relay: ObjectName;
  readonly directory: ClusterDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An object of which only the facts are kept: pod templates are most of an Executor, and a registry reads none. */
type Kept<Facts> = KubeObject & { readonly facts: Facts };

const executors = kept('Executor', 'executors', (raw) => executorFacts(readExecutor(raw)));
const grants = kept('ExecutorGrant', 'executorgrants', (raw) => grantFacts(readExecutorGrant(raw)));
const relays = kept('Relay', 'relays', (raw) => relayFacts(readRelay(raw)));

/** Nothing once it is being deleted: what still holds it there (foreground deletion, a finalizer of somebody's) does not keep it in force. */
function inForce<Facts>({ type, object }: Change<Kept<Facts>>): Facts | undefined {
  return type === 'deleted' || object.metadata.deletionTimestamp !== undefined ? undefined : object.facts;
}

/** Informers of our three kinds that feed a directory. They run until the signal aborts; a rejection is a bug. */
export async function followCluster(options: ClusterSourceOptions, signal: AbortSignal): Promise<void> {
  const { api, relay, directory, clock, logger: log } = options;
  const ofExecutors = new Informer<Kept<ExecutorFacts>>({ api, resource: executors, clock, log });
  const ofGrants = new Informer<Kept<GrantFacts>>({ api, resource: grants, clock, log });
  const fieldSelector = `metadata.name=${relay.name}`;
  const ofRelay = new Informer<Kept<RelayFacts>>({ api, resource: relays, fieldSelector, clock, log });
  ofExecutors.onChange((change) => {
    const { namespace = '', name } = change.object.metadata;
    directory.setExecutor(namespace, name, inForce(change));
  });
  ofGrants.onChange((change) => {
    const { namespace = '', name } = change.object.metadata;
    directory.setGrant(namespace, name, inForce(change));
  });
  ofRelay.onChange(({ type, object }) => directory.setRelay(type === 'deleted' ? undefined : object.facts));
  ofExecutors.follow(ALL_NAMESPACES);
  ofGrants.follow(ALL_NAMESPACES);
  ofRelay.follow([relay.namespace]);
  const informers = [ofExecutors, ofGrants, ofRelay];
  const synced = Promise.all(informers.map((informer) => informer.whenSynced(signal))).then(
    () => look(),
    () => undefined, // stopped before
  );
  function look(): void {
    if (signal.aborted) return;
    directory.setComplete(informers.every((informer) => informer.connected()));
    clock.after(LOOK_MS, look);
  }
  await Promise.all([synced, ...informers.map((informer) => informer.run(signal))]);
}

function kept<Facts>(kind: string, plural: string, factsOf: (raw: KubeObject) => Facts): Resource<Kept<Facts>> {
  return defineResource<Kept<Facts>>({
    group: GROUP,
    version: VERSION,
    kind,
    plural,
    parse: (raw) => {
      const { name, namespace, uid, resourceVersion } = raw.metadata;
      const metadata = { name, uid, resourceVersion, ...(namespace !== undefined && { namespace }) };
      return { apiVersion: API_VERSION, kind, metadata, facts: factsOf(raw) };
    },
  });
}
