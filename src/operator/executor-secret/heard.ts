import type { HeardKeys, KeysRecord } from '../../keys/index.ts';
import { parseTime } from '../../kube/index.ts';
import type { EnvironmentId } from '../../wire/index.ts';
import type { PodView } from '../executor-pod/observe.ts';
import type { ExecutorFacts } from '../registries/facts.ts';

/** The kubelet mounts a Secret anew within so long, though no poke reaches it. Milliseconds. */
const REMOUNT_MS = 80_000;

export interface HeardSources {
  readonly facts: ExecutorFacts;
  readonly environmentId: EnvironmentId;
  /** The pod that counts, as it is seen; undefined while there is none. */
  readonly view: PodView | undefined;
  /** Its UID in status. */
  readonly fence: string | undefined;
  readonly record: KeysRecord;
  /** Of that pod, and now, in milliseconds since the epoch. */
  readonly startTime: number | undefined;
  readonly now: number;
  /** Pods of relays that run. */
  readonly relayPods: () => readonly string[];
}

/** What is known of the keys of an executor outside of stores. */
export function heardKeys(sources: HeardSources): HeardKeys {
  const { facts, environmentId, view, fence, record, relayPods } = sources;
  const isCurrent = view !== undefined && view.uid === fence;
  const isRunning = isCurrent && view.phase === 'Running';
  return {
    known: facts.known,
    present: new Set(facts.known ? registered(facts, fence) : onlyKey(isRunning && view.registered, sources)),
    live: new Set(facts.registrations.map(({ fingerprint }) => fingerprint)),
    acknowledged: acknowledgedBy(facts, fence),
    registries: facts.refusals.map(({ registry }) => registryParty(registry)),
    sidecars: isCurrent && view.sidecarRuns ? [`sidecar of ${environmentId}`] : [],
    // A registry of an earlier release names relays by their boot ids: which of them have not spoken cannot be told.
    relays: facts.namesPods && isCutting(record) ? relayPods().map((pod) => `relay ${pod}`) : [],
    loaded: facts.loaded,
  };
}

/** Only then is it asked which relays there are. */
function isCutting({ keys }: KeysRecord): boolean {
  return keys.some(({ state, cut }) => state === 'Revoked' && cut?.completionTime === undefined);
}

function registryParty(name: string): string {
  return `registry ${name}`;
}

function registered({ registrations }: ExecutorFacts, fence: string | undefined): string[] {
  return registrations.filter(({ incarnation }) => incarnation === fence).map(({ fingerprint }) => fingerprint);
}

/**
 * Without a word of registries the sidecar's readiness says that it serves a key: which one, only when the Secret has one, and the pod can have mounted no
 * other.
 */
function onlyKey(isRegistered: boolean, { record: { delivery, keys }, startTime, now }: HeardSources): string[] {
  const [id, ...more] = delivery?.keys ?? [];
  const changed = parseTime(delivery?.time);
  if (!isRegistered || more.length > 0 || changed === undefined || startTime === undefined) return [];
  if (startTime < changed && now < changed + REMOUNT_MS) return [];
  return keys.flatMap((key) => (key.id === id && key.fingerprint !== undefined ? [key.fingerprint] : []));
}

/** Of each fingerprint, who enforces it: each registry has a deny of its own for one key. What a pod said that counts no more speaks for no other. */
function acknowledgedBy({ denies, refusals }: ExecutorFacts, fence: string | undefined): HeardKeys['acknowledged'] {
  const found = new Map<string, Set<string>>();
  const add = (fingerprint: string, by: string) =>
    found.set(fingerprint, (found.get(fingerprint) ?? new Set()).add(by));
  for (const { match, acknowledgements } of denies) {
    if (!('fingerprint' in match)) continue;
    for (const { by, incarnation } of acknowledgements) {
      if (incarnation === undefined || incarnation === fence) add(match.fingerprint, by);
    }
  }
  for (const { registry, fingerprints } of refusals) {
    for (const fingerprint of fingerprints) add(fingerprint, registryParty(registry));
  }
  return found;
}
