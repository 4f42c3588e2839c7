import { parseTime, secondTime } from '../../kube/index.ts';
import { isGoneFrom } from './drift.ts';
import type { ObservedKeys } from './observed.ts';
import type { KeyRecord, KeysRecord } from './record.ts';
import { withKey } from './revocation.ts';

/**
 * How long a key that is gone from Secret and store is not called so for the sake of a sidecar that has not let it go. The kubelet takes its file away within 80 s
 * though no poke reaches it, and the sidecar's memory follows within seconds. Milliseconds.
 */
const HOLD_PATIENCE_MS = 120_000;

/** Memory is collected within seconds of being asked for. Milliseconds. */
const LINGER_LOOK_MS = 1_000;

/**
 * What is recorded of a revoked or retired key once no place holds it, and no process: only then is it called gone. A sidecar that does not let it go, or of which
 * nothing is heard, is waited for no longer than `HOLD_PATIENCE_MS`; then it is named, until it has. While this process may have it, it is not called gone.
 */
export function withDestroyed(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  return record.keys.reduce((so, key) => {
    if (key.destructionTime !== undefined) return withoutHolder(so, key, observed);
    if (!isOutOfPlaces(key, observed) || observed.lingering?.has(key.id)) return so;
    const holders = holdersOf(key, observed);
    if (holders.length > 0 && now < patienceEnd(key, record, now)) return so;
    const state = key.state === 'Retired' ? 'Destroyed' : 'Revoked';
    const heldBy = holders.length > 0 && { heldBy: holders };
    return withKey(so, { ...key, state, destructionTime: secondTime(now), ...heldBy });
  }, record);
}

/** When a key that only a sidecar still holds is called gone all the same, in milliseconds. */
export function holdEnds(observed: ObservedKeys, now: number): number[] {
  const { record } = observed;
  return record.keys
    .filter((key) => key.destructionTime === undefined && isOutOfPlaces(key, observed))
    .map((key) => (observed.lingering?.has(key.id) ? now + LINGER_LOOK_MS : patienceEnd(key, record, now)));
}

/** Ids of those that are to be called gone, as far as places say. */
export function departing({ record, ...places }: Pick<ObservedKeys, 'record' | 'store' | 'secret'>): readonly string[] {
  return record.keys
    .filter((key) => key.destructionTime === undefined && isOutOfPlaces(key, places))
    .map(({ id }) => id);
}

function isOutOfPlaces({ state, id }: KeyRecord, { store, secret }: Pick<ObservedKeys, 'store' | 'secret'>): boolean {
  return (state === 'Retired' || state === 'Revoked') && isGoneFrom(store, id) && isGoneFrom(secret, id);
}

/** Sidecars that have it in memory, or have not said that they have not. */
function holdersOf({ fingerprint }: KeyRecord, { heard }: ObservedKeys): readonly string[] {
  if (fingerprint === undefined || heard.loaded?.has(fingerprint) === false) return [];
  return heard.sidecars;
}

/** Counted from when the Secret no longer had it; a time that only a clock ahead of this one can have written is no reason to wait. */
function patienceEnd({ id }: KeyRecord, { delivery }: KeysRecord, now: number): number {
  const since = delivery === undefined || delivery.keys.includes(id) ? now : (parseTime(delivery.time) ?? 0);
  return since > now ? now : since + HOLD_PATIENCE_MS;
}

function withoutHolder(record: KeysRecord, key: KeyRecord, observed: ObservedKeys): KeysRecord {
  if (key.heldBy === undefined || !observed.heard.known || holdersOf(key, observed).length > 0) return record;
  const { heldBy: _, ...rest } = key;
  return withKey(record, rest);
}
