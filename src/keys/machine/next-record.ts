import { MAX_KEYS_IN_STATUS } from '../../api/index.ts';
import { parseTime, secondTime } from '../../kube/index.ts';
import { withDestroyed } from './destruction.ts';
import { adopt, heldIn, highestNumber, mounted } from './drift.ts';
import { withoutFailure } from './failures.ts';
import type { ObservedKeys } from './observed.ts';
import { isLive, isUnderWay, type KeyRecord, type KeysRecord, MAX_LIVE_KEYS, numberOf } from './record.ts';
import { revokeLost, revokeRequested, withCutProgress, withKey } from './revocation.ts';
import { CLOCK_TOLERANCE_MS, causeOf, handledWith, withNextRotation } from './triggers.ts';

type Transition = (record: KeysRecord, observed: ObservedKeys, now: number) => KeysRecord;

/** In this order: what refuses a key comes before what makes one. */
const TRANSITIONS: readonly Transition[] = [
  revokeRequested,
  adopt,
  revokeLost,
  prepare,
  activate,
  shortenOverlap,
  retire,
  withDestroyed,
  withCutProgress,
  begin,
  noteDelivery,
  withNextRotation,
  forget,
];

/** What is to be remembered now. The same object when that is what is remembered already. */
export function nextRecord(observed: ObservedKeys, now: number): KeysRecord {
  return TRANSITIONS.reduce((record, transition) => transition(record, observed, now), observed.record);
}

/** `Pending` → `Prepared`: it is in the store, and registries may know its fingerprint. */
function prepare(record: KeysRecord, { store }: ObservedKeys, now: number): KeysRecord {
  return record.keys.reduce((so, key) => {
    const fingerprint = heldIn(store, key.id)?.fingerprint;
    if (key.state !== 'Pending' || fingerprint === undefined) return so;
    return withKey(so, { ...key, state: 'Prepared', fingerprint, preparationTime: secondTime(now) });
  }, record);
}

/**
 * `Prepared` → `Active`: the newest key that is present on a live socket. Registries hand it out by then; this only says so. Those before it are
 * accepted until their overlap ends.
 */
function activate(record: KeysRecord, { heard, policy }: ObservedKeys, now: number): KeysRecord {
  const serving = record.keys
    .filter(({ state, fingerprint }) => {
      return (state === 'Prepared' || state === 'Active') && heard.present.has(fingerprint ?? '');
    })
    .at(-1);
  if (serving?.state !== 'Prepared') return record;
  const time = secondTime(now);
  const keys = record.keys.map((key): KeyRecord => {
    if (key === serving) return { ...key, state: 'Active', activationTime: time };
    const isFormer = (key.state === 'Prepared' || key.state === 'Active') && numberOf(key.id) < numberOf(serving.id);
    return isFormer ? { ...key, state: 'Retiring', retirementTime: secondTime(now + policy.overlap) } : key;
  });
  return { ...record, keys, lastRotationTime: time };
}

/** An overlap that was shortened, or counted by a clock that was ahead, ends sooner; never later than it was said to. */
function shortenOverlap(record: KeysRecord, { policy }: ObservedKeys, now: number): KeysRecord {
  return record.keys.reduce((so, key) => {
    const end = parseTime(key.retirementTime);
    if (key.state !== 'Retiring' || (end !== undefined && end <= now + policy.overlap)) return so;
    return withKey(so, { ...key, retirementTime: secondTime(now + policy.overlap) });
  }, record);
}

/** `Retiring` → `Retired`: its time is over, and another one is active. Without one it goes on: an old key is better than none. */
function retire(record: KeysRecord, _observed: ObservedKeys, now: number): KeysRecord {
  const active = record.keys.find(({ state }) => state === 'Active');
  if (active === undefined) return record;
  return record.keys.reduce((so, key) => {
    const isOver = key.state === 'Retiring' && (parseTime(key.retirementTime) ?? 0) <= now;
    return isOver ? withKey(so, { ...key, state: 'Retired' }) : so;
  }, record);
}

/** The intent of a new key, before there is one. */
function begin(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  const cause = causeOf(record, observed, now);
  // Without the store nobody knows which numbers are taken.
  if (cause === undefined || !hasRoom(record) || !observed.store.reachable) return record;
  const key: KeyRecord = {
    id: `k${highestNumber({ ...observed, record }) + 1}`,
    state: 'Pending',
    ...cause,
    creationTime: secondTime(now),
  };
  return {
    // The store has answered: whatever it failed at before is over.
    ...withoutFailure(record, 'Store'),
    keys: [...record.keys, key],
    handledRequests: handledWith(record.handledRequests, observed.rotation),
  };
}

/** Room for one more key: a fourth live one waits, and so does one that history could not hold beside what still has to go. */
export function hasRoom({ keys }: KeysRecord): boolean {
  const live = keys.filter((key) => isLive(key) || isUnderWay(key)).length;
  return live < MAX_LIVE_KEYS && keys.filter((key) => !isFinished(key)).length < MAX_KEYS_IN_STATUS;
}

/** What the sidecar mounts has changed, by us or by others: pokes begin anew. */
function noteDelivery(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  const place = mounted(observed);
  if (!place.reachable) return record;
  const keys = place.keys.map(({ id }) => id);
  const isFuture = (parseTime(record.delivery?.time) ?? 0) > now + CLOCK_TOLERANCE_MS;
  if (keys.join() === (record.delivery?.keys ?? []).join() && !isFuture) return record;
  return { ...record, delivery: { keys, time: secondTime(now) } };
}

/** History keeps the last few, and says how many it dropped. */
function forget(record: KeysRecord): KeysRecord {
  const excess = record.keys.length - MAX_KEYS_IN_STATUS;
  if (excess <= 0) return record;
  const gone = record.keys.filter(isFinished).slice(0, excess);
  if (gone.length === 0) return record;
  return { ...record, keys: record.keys.filter((key) => !gone.includes(key)), dropped: record.dropped + gone.length };
}

/** Nothing is left to do about it. */
function isFinished({ state, destructionTime, cut, fingerprint }: KeyRecord): boolean {
  if (state === 'Destroyed') return true;
  const isCut = fingerprint === undefined || cut?.completionTime !== undefined;
  return state === 'Revoked' && destructionTime !== undefined && isCut;
}
