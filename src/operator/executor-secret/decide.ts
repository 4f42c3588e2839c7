import type { KeyStatus } from '../../api/index.ts';
import { secondTime } from '../../kube/index.ts';

/** A key that is in the store. */
export interface ObservedKey {
  readonly id: string;
  /** Undefined: it cannot be read as a key. */
  readonly fingerprint: string | undefined;
}

export interface ObservedKeys {
  /** `status.keys`. */
  readonly records: readonly KeyStatus[];
  /** By number. */
  readonly stored: readonly ObservedKey[];
  /** Whether the pod that counts has a registration on a live socket. */
  readonly serving: boolean;
}

export type KeyDecision =
  /** Write these records to status first; look again then. */
  | { readonly type: 'record'; readonly records: readonly KeyStatus[] }
  /** Make this key: its intent is recorded. */
  | { readonly type: 'create'; readonly id: string }
  /** The key in the store is another one than recorded: somebody changed it. Only a human can say which is right. */
  | { readonly type: 'mismatch'; readonly id: string }
  | { readonly type: 'nothing'; readonly records: readonly KeyStatus[]; readonly live: KeyStatus };

/** States in which a key is accepted by registries. */
const LIVE: ReadonlySet<KeyStatus['state']> = new Set(['Prepared', 'Active', 'Retiring']);

const LOST = 'lost: it was no longer in the Secret';

/**
 * One key per executor, made once (`design.md` §4): intent, then the key, then its fingerprint. A key that is lost from the store is
 * revoked and a new one takes the next number: a number never names two keys. A key without a record is adopted.
 */
export function decideKeys({ records, stored, serving }: ObservedKeys, now: number): KeyDecision {
  const time = secondTime(now);
  const inStore = new Map(stored.map((key) => [key.id, key]));
  const changed = records.find(({ id, fingerprint, state }) => {
    const there = inStore.get(id);
    return LIVE.has(state) && there !== undefined && there.fingerprint !== fingerprint;
  });
  if (changed) return { type: 'mismatch', id: changed.id };

  const kept = records.map((key): KeyStatus => {
    const there = inStore.get(key.id);
    if (LIVE.has(key.state) && there === undefined)
      return { ...key, state: 'Revoked', reason: LOST, revocationTime: time };
    if (key.state === 'Pending' && there?.fingerprint !== undefined) return prepared(key, there, time);
    return key;
  });
  const adopted = stored
    .filter(({ id }) => !records.some((record) => record.id === id))
    .map((there) => prepared(newRecord(there.id, time), there, time));
  const next = [...kept, ...adopted].sort((a, b) => numberOf(a.id) - numberOf(b.id));
  const live = next.filter(({ state }) => LIVE.has(state)).at(-1);
  if (live === undefined) return withoutLive(next, time);
  const active =
    serving && live.state === 'Prepared' ? { ...live, state: 'Active' as const, activationTime: time } : live;
  const final = next.map((key) => (key.id === active.id ? active : key));
  const same = final.length === records.length && final.every((key, index) => key === records[index]);
  return same ? { type: 'nothing', records, live: active } : { type: 'record', records: final };
}

function withoutLive(records: readonly KeyStatus[], time: string): KeyDecision {
  const pending = records.find(({ state }) => state === 'Pending');
  if (pending) return { type: 'create', id: pending.id };
  const highest = Math.max(0, ...records.map(({ id }) => numberOf(id)));
  return { type: 'record', records: [...records, newRecord(`k${highest + 1}`, time)] };
}

function newRecord(id: string, time: string): KeyStatus {
  return { id, state: 'Pending', trigger: 'Initial', creationTime: time };
}

function prepared(key: KeyStatus, { fingerprint }: ObservedKey, time: string): KeyStatus {
  return { ...key, state: 'Prepared', fingerprint, preparationTime: time };
}

function numberOf(id: string): number {
  return Number(id.slice(1));
}
