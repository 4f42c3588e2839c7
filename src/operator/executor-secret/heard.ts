import type { HeardKeys, KeysRecord } from '../../keys/index.ts';
import type { EnvironmentId } from '../../wire/index.ts';
import type { PodView } from '../executor-pod/observe.ts';
import type { ExecutorFacts } from '../registries/facts.ts';

export interface HeardSources {
  readonly facts: ExecutorFacts;
  readonly environmentId: EnvironmentId;
  /** The pod that counts, as it is seen; undefined while there is none. */
  readonly view: PodView | undefined;
  /** Its UID in status. */
  readonly fence: string | undefined;
  readonly record: KeysRecord;
}

/** What is known of the keys of an executor outside of stores. */
export function heardKeys({ facts, environmentId, view, fence, record }: HeardSources): HeardKeys {
  const isRunning = view?.phase === 'Running' && view.uid === fence;
  const denies = facts.denies.flatMap((deny) => {
    if (!('fingerprint' in deny.match)) return [];
    return [[deny.match.fingerprint, new Set(deny.acknowledgements.map(({ by }) => by))] as const];
  });
  return {
    known: facts.known,
    present: new Set(facts.known ? registered(facts, fence) : onlyKey(isRunning && view.registered, record)),
    acknowledged: merged(denies),
    sidecars: isRunning ? [`sidecar of ${environmentId}`] : [],
    // Registries do not say which relays there are: those that acknowledged are known, those that did not have no name here.
    relays: [],
  };
}

function registered({ registrations }: ExecutorFacts, fence: string | undefined): string[] {
  return registrations.filter(({ incarnation }) => incarnation === fence).map(({ fingerprint }) => fingerprint);
}

/** Without a word of registries the sidecar's readiness says that it serves a key: which one, only when it has one. */
function onlyKey(isRegistered: boolean, { delivery, keys }: KeysRecord): string[] {
  const [id, ...more] = delivery?.keys ?? [];
  if (!isRegistered || more.length > 0) return [];
  return keys.flatMap((key) => (key.id === id && key.fingerprint !== undefined ? [key.fingerprint] : []));
}

/** Each registry has a deny of its own for one key. */
function merged(denies: readonly (readonly [string, ReadonlySet<string>])[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const [fingerprint, by] of denies) found.set(fingerprint, new Set([...(found.get(fingerprint) ?? []), ...by]));
  return found;
}
