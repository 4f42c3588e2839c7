import { secondTime } from '../../kube/index.ts';
import type { StoredKey } from '../key-store.ts';
import type { ObservedKeys, PlaceView } from './observed.ts';
import { byNumber, isLive, type KeyRecord, type KeysRecord, MAX_LIVE_KEYS, numberOf } from './record.ts';

/** What is in a place under this id; undefined when it is not there, or nobody knows. */
export function heldIn(place: PlaceView | undefined, id: string): StoredKey | undefined {
  return place?.reachable === true ? place.keys.find((key) => key.id === id) : undefined;
}

/** Whether it is known that the place holds nothing under this id. */
export function isGoneFrom(place: PlaceView | undefined, id: string): boolean {
  return place === undefined || (place.reachable && !place.keys.some((key) => key.id === id && !isRetained(key)));
}

/** What the sidecar mounts: a Secret of its own, or the store. */
export function mounted({ secret, store }: Pick<ObservedKeys, 'secret' | 'store'>): PlaceView {
  return secret ?? store;
}

/** Kept by `deletionPolicy`, and done with. */
export function isRetained({ note }: StoredKey): boolean {
  return note?.state === 'Retained';
}

/**
 * Takes up entries of the store that nobody recorded: a crash between store and status, a status from a backup, a new cluster in front of the
 * same store. They are never destroyed for being unknown. What is older than a key that is recorded is left alone: its number was given
 * out before, and what it once was cannot be told.
 */
export function adopt(record: KeysRecord, { store, secret, policy }: ObservedKeys, now: number): KeysRecord {
  // Without any record the Secret may hold the only copy of a key, and a store that was put in front of it gets that one.
  const place = record.keys.length === 0 && store.reachable && store.keys.length === 0 ? (secret ?? store) : store;
  const strangers = strangersIn(record, place).filter(
    ({ id, fingerprint }) => fingerprint !== undefined && numberOf(id) > highestRecorded(record),
  );
  const newest = strangers.filter(({ note }) => !isFinished(note?.state)).at(-1);
  let room = MAX_LIVE_KEYS - record.keys.filter(isLive).length;
  const adopted: KeyRecord[] = [];
  // The newest first: it is the one that must have a place.
  for (const stranger of strangers.toReversed()) {
    const key = adoptedKey(stranger, stranger === newest, policy.overlap, now);
    if (isLive(key) && room === 0) continue;
    if (isLive(key)) room -= 1;
    adopted.push(key);
  }
  return adopted.length === 0 ? record : { ...record, keys: [...record.keys, ...adopted].sort(byNumber) };
}

/** Entries of the store that are left alone: a human may look at them. */
export function leftAlone(record: KeysRecord, store: PlaceView): readonly string[] {
  return strangersIn(record, store).map(({ id }) => id);
}

/** The highest number that was ever given out, as far as anybody knows. */
export function highestNumber({ record, store, secret }: ObservedKeys): number {
  const places = [store, secret].flatMap((place) => (place?.reachable === true ? place.keys : []));
  return Math.max(highestRecorded(record), ...places.map(({ id }) => numberOf(id)));
}

/**
 * Live keys whose private half is nowhere any more. Only the word of every place counts: a store that does not answer has lost nothing. Something
 * else in the store is for a human to look at; in the Secret, which is a copy, it is nothing.
 */
export function lostKeys(record: KeysRecord, { store, secret }: ObservedKeys): readonly KeyRecord[] {
  return record.keys.filter((key) => {
    const isInSecret = secret?.reachable === false || heldIn(secret, key.id)?.fingerprint === key.fingerprint;
    return isLive(key) && isGoneFrom(store, key.id) && (secret === undefined || !isInSecret);
  });
}

/** Keys in whose place in the store there is another one, or none that can be read. Only a human can say which is right. */
export function changedKeys({ record, store }: Pick<ObservedKeys, 'record' | 'store'>): readonly KeyRecord[] {
  return record.keys.filter((key) => {
    const held = heldIn(store, key.id);
    if (held === undefined) return false;
    return isLive(key)
      ? held.fingerprint !== key.fingerprint
      : key.state === 'Pending' && held.fingerprint === undefined;
  });
}

function strangersIn({ keys }: KeysRecord, store: PlaceView): readonly StoredKey[] {
  if (!store.reachable) return [];
  return store.keys.filter((key) => !isRetained(key) && !keys.some(({ id }) => id === key.id)).toSorted(byNumber);
}

function highestRecorded({ keys }: KeysRecord): number {
  return Math.max(0, ...keys.map(({ id }) => numberOf(id)));
}

function isFinished(state: string | undefined): boolean {
  return state === 'Retired' || state === 'Revoked';
}

function adoptedKey({ id, fingerprint, note }: StoredKey, isNewest: boolean, overlap: number, now: number): KeyRecord {
  const time = secondTime(now);
  const base = { id, fingerprint, trigger: 'Initial', reason: 'found in the store', creationTime: time } as const;
  if (note?.state === 'Revoked') return { ...base, state: 'Revoked', revocationTime: time };
  if (note?.state === 'Retired') return { ...base, state: 'Retired', preparationTime: time, retirementTime: time };
  if (isNewest) return { ...base, state: 'Prepared', preparationTime: time };
  const retirementTime = note?.retirementTime ?? secondTime(now + overlap);
  return { ...base, state: 'Retiring', preparationTime: time, retirementTime };
}
