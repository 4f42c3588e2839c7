import { LABELS } from '../../api/index.ts';
import { keyOf, type Pod } from '../../kube/index.ts';
import { PORTS } from '../children/ports.ts';
import type { ServedRelay } from '../own-kinds.ts';
import { relayNames, serviceHosts } from '../relay/names.ts';
import type { RegistryAddress } from './connection.ts';

/** One ready replica of a Relay's registry. */
export interface Replica {
  /** Another pod, or another address of it, is another replica. */
  readonly id: string;
  readonly pod: string;
  readonly address: RegistryAddress;
}

/**
 * The ready replicas of a Relay's registry, by its pods: only what is ready takes part in the picture, and one that is not watched yet is
 * known to be missing from it. Whoever labels a pod as one gets no further than the handshake: it has no certificate of that name.
 */
export function replicasOf(relay: ServedRelay, pods: readonly Pod[]): Replica[] {
  const internal = relay.status.addresses.find(({ type }) => type === 'Internal');
  if (internal === undefined) return [];
  const [serverName] = serviceHosts(relayNames(relay.metadata).registry, relay.metadata.namespace);
  return pods.flatMap((pod) => {
    const host = pod.status?.podIP;
    if (host === undefined || !isPartOf(relay.metadata.name, 'registry', pod) || !isServing(pod)) return [];
    const address = { host, port: PORTS.registry, serverName, ca: internal.caBundle };
    return [{ id: `${pod.metadata.uid} ${host}`, pod: pod.metadata.name, address }];
  });
}

/** The Relay whose registry's pod this is, as a key; undefined for every other pod. */
export function registryPodOf({ metadata }: Pod): string | undefined {
  const { labels, namespace } = metadata;
  const name = labels?.[LABELS.relay];
  if (name === undefined || namespace === undefined || labels?.[LABELS.component] !== 'registry') return undefined;
  return keyOf({ namespace, name });
}

/** Names of a Relay's relay pods that run, ready or not: also of one that is cut off, or of which nobody knows whether it still runs. */
export function runningRelays(relay: string, pods: readonly Pod[]): string[] {
  return pods
    .filter((pod) => isPartOf(relay, 'relay', pod) && RUNNING.has(pod.status?.phase ?? ''))
    .map(({ metadata }) => metadata.name);
}

const RUNNING: ReadonlySet<string> = new Set(['Running', 'Unknown']);

function isPartOf(relay: string, component: 'registry' | 'relay', { metadata: { labels } }: Pod): boolean {
  return labels?.[LABELS.relay] === relay && labels?.[LABELS.component] === component;
}

function isServing({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return ready === true && metadata.deletionTimestamp === undefined;
}
