import { parseTime } from '../../kube/index.ts';
import { holdEnds } from './destruction.ts';
import { heldIn, isGoneFrom, isRetained } from './drift.ts';
import { pausedUntil, withFailure, withoutFailure } from './failures.ts';
import { hasRoom, nextRecord } from './next-record.ts';
import type { ObservedKeys } from './observed.ts';
import { planPokes } from './pokes.ts';
import { type Dependency, isLeaving, isLive, type KeyRecord, type KeysRecord } from './record.ts';
import { mayWithdraw, withdrawalTime } from './revocation.ts';
import { causeOf, plannedRotation } from './triggers.ts';

/** Something to do in the world. Each may be done twice, and by two: it is named by the key's id, and what is there is looked at first. */
export type KeyEffect =
  /** Make it in the store, or find it there. */
  | { readonly type: 'create'; readonly id: string }
  /** From the store into the Secret; `fingerprint` is the one that is recorded. */
  | { readonly type: 'deliver'; readonly id: string; readonly fingerprint: string }
  /** From the Secret into a store that does not have it. */
  | { readonly type: 'restore'; readonly id: string; readonly fingerprint: string }
  /** Out of the Secret. */
  | { readonly type: 'withdraw'; readonly id: string }
  /** Out of the store, as `deletionPolicy` says. */
  | { readonly type: 'destroy'; readonly id: string }
  /** What the store remembers of its state, for whoever has nothing but the store. */
  | { readonly type: 'note'; readonly id: string; readonly note: KeyRecord['state']; readonly retirementTime?: string }
  | { readonly type: 'poke'; readonly value: string };

export type KeyDecision =
  /** Write this first; look again then. */
  | { readonly type: 'record'; readonly record: KeysRecord }
  /** Do this one thing; look again then. */
  | { readonly type: 'effect'; readonly effect: KeyEffect }
  /** Look again when something is different, or at this time (milliseconds). */
  | { readonly type: 'wait'; readonly until: number | undefined };

/**
 * The next step of the keys of one executor (`design.md` §4): what is to be remembered comes first, then one effect, then waiting. Pure, and
 * a function of what is stored and of absolute times only: a crash, a restart or another leader between two steps finds the same.
 */
export function decideKeys(observed: ObservedKeys, now: number): KeyDecision {
  const record = settled(nextRecord(observed, now), observed);
  if (record !== observed.record) return { type: 'record', record };
  const wanted = wantedEffects(observed, now);
  const possible = wanted.find((effect) => pauseOf(effect, record, now) === undefined);
  if (possible !== undefined) return attempt(possible, observed, now);
  const blocked = withBlockedRotation(record, observed, now);
  if (blocked !== record) return { type: 'record', record: blocked };
  const pauses = record.failures.map(({ dependency }) => pausedUntil(record, dependency, now));
  return { type: 'wait', until: earliest([...waitsOf(observed, now), ...pauses]) };
}

/** What needs a place that does not answer has failed already. */
function attempt(effect: KeyEffect, { record, store, secret }: ObservedKeys, now: number): KeyDecision {
  const dependency = dependencyOf(effect);
  const place = dependency === 'Secret' ? (secret ?? store) : store;
  if (place.reachable || effect.type === 'poke') return { type: 'effect', effect };
  return { type: 'record', record: withFailure(record, { dependency, code: place.code, message: place.message }, now) };
}

/** A rotation that is wanted cannot begin without the store: since when is remembered, as of an effect that fails. */
function withBlockedRotation(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  const { store } = observed;
  if (store.reachable || !hasRoom(record) || causeOf(record, observed, now) === undefined) return record;
  if (pausedUntil(record, 'Store', now) !== undefined) return record;
  return withFailure(record, { dependency: 'Store', code: store.code, message: store.message }, now);
}

/** What an effect needs, and what its failures are counted by. */
export function dependencyOf({ type }: KeyEffect): Dependency {
  switch (type) {
    case 'create':
    case 'destroy':
    case 'restore':
      return 'Store';
    case 'deliver':
    case 'withdraw':
    case 'poke':
      return 'Secret';
    case 'note':
      return 'Notes';
    default:
      return type satisfies never;
  }
}

/** All that is to be done, in this order: first what lets a key serve, then what takes one away, then what helps. */
function wantedEffects(observed: ObservedKeys, now: number): readonly KeyEffect[] {
  const { record } = observed;
  const poke = planPokes(record, observed, now).value;
  return [
    ...record.keys.flatMap((key) => deliveryOf(key, observed)),
    ...record.keys.flatMap((key): KeyEffect[] => (isMissing(key, observed) ? [{ type: 'create', id: key.id }] : [])),
    ...(poke === undefined ? [] : [{ type: 'poke', value: poke } as const]),
    ...record.keys.flatMap((key) => removalOf(key, observed, now)),
    ...strangersInSecret(observed),
    ...record.keys.flatMap((key) => restorationOf(key, observed)),
    ...record.keys.flatMap((key) => noteOf(key, observed)),
  ];
}

/** A failure is forgotten as soon as nothing is wanted of what failed. */
function settled(record: KeysRecord, observed: ObservedKeys): KeysRecord {
  const wanted = new Set(wantedEffects({ ...observed, record }, Number.POSITIVE_INFINITY).map(dependencyOf));
  return record.failures.reduce((so, { dependency }) => {
    const isReachable = dependency === 'Secret' ? observed.secret?.reachable !== false : observed.store.reachable;
    return wanted.has(dependency) || !isReachable ? so : withoutFailure(so, dependency);
  }, record);
}

function deliveryOf(key: KeyRecord, { store, secret }: ObservedKeys): KeyEffect[] {
  if (secret === undefined || !secret.reachable || !store.reachable || !isLive(key)) return [];
  const { id, fingerprint } = key;
  const delivered = heldIn(secret, id);
  if (fingerprint === undefined || delivered?.fingerprint === fingerprint) return [];
  if (heldIn(store, id)?.fingerprint !== fingerprint) return [];
  // Somebody put another key in its place: it goes first, since nothing here overwrites.
  return delivered === undefined ? [{ type: 'deliver', id, fingerprint }] : [{ type: 'withdraw', id }];
}

function isMissing({ state, id }: KeyRecord, { store }: ObservedKeys): boolean {
  return state === 'Pending' && (!store.reachable || heldIn(store, id) === undefined);
}

/** The Secret first: what is gone from the store could not be brought back there. */
function removalOf(key: KeyRecord, { store, secret }: ObservedKeys, now: number): KeyEffect[] {
  if (!isLeaving(key) || (key.state === 'Revoked' && !mayWithdraw(key, now))) return [];
  if (heldIn(secret, key.id) !== undefined) return [{ type: 'withdraw', id: key.id }];
  if (!isGoneFrom(secret, key.id)) return [];
  const held = heldIn(store, key.id);
  const isThere = store.reachable ? held !== undefined && !isRetained(held) : key.destructionTime === undefined;
  return isThere ? [{ type: 'destroy', id: key.id }] : [];
}

/**
 * What somebody put into the Secret beside our keys: registries refuse it, and the Secret is a copy of what the store holds. Not what the store
 * has too: another leader may know more than this one; and not before there is a key of ours in both, since it might be the last copy.
 */
function strangersInSecret({ record, secret, store }: ObservedKeys): KeyEffect[] {
  if (secret?.reachable !== true || !store.reachable) return [];
  const isInOrder = record.keys.some(({ id, state, fingerprint }) => {
    return state === 'Active' && [store, secret].every((place) => heldIn(place, id)?.fingerprint === fingerprint);
  });
  if (!isInOrder) return [];
  return secret.keys
    .filter(({ id }) => !record.keys.some((key) => key.id === id) && heldIn(store, id) === undefined)
    .map(({ id }) => ({ type: 'withdraw', id }));
}

/** A store that was replaced, or restored from an older backup, gets back what the Secret still has. */
function restorationOf(key: KeyRecord, { store, secret }: ObservedKeys): KeyEffect[] {
  const { id, fingerprint } = key;
  if (!isLive(key) || fingerprint === undefined || !store.reachable || heldIn(store, id) !== undefined) return [];
  return heldIn(secret, id)?.fingerprint === fingerprint ? [{ type: 'restore', id, fingerprint }] : [];
}

function noteOf({ id, state, fingerprint, retirementTime }: KeyRecord, { store }: ObservedKeys): KeyEffect[] {
  const held = heldIn(store, id);
  if (held?.note === undefined || isRetained(held) || held.fingerprint !== fingerprint) return [];
  const time = state === 'Retiring' ? retirementTime : undefined;
  if (held.note.state === state && held.note.retirementTime === time) return [];
  return [{ type: 'note', id, note: state, ...(time !== undefined && { retirementTime: time }) }];
}

function pauseOf(effect: KeyEffect, record: KeysRecord, now: number): number | undefined {
  return pausedUntil(record, dependencyOf(effect), now);
}

/** How often a place is looked at again that does not answer, in milliseconds: nothing tells when it does. */
const LOOK_AGAIN_MS = 30_000;

/** Times at which something is to be done though nothing else is different. */
function waitsOf(observed: ObservedKeys, now: number): (number | undefined)[] {
  const { record, store, secret } = observed;
  const ends = record.keys.map(({ state, retirementTime }) =>
    state === 'Retiring' ? parseTime(retirementTime) : undefined,
  );
  const withdrawals = record.keys
    .filter(({ state, destructionTime }) => state === 'Revoked' && destructionTime === undefined)
    .map(withdrawalTime);
  const planned = parseTime(record.nextRotationTime) ?? plannedRotation(record, observed, now);
  const look = store.reachable && secret?.reachable !== false ? undefined : now + LOOK_AGAIN_MS;
  return [
    ...ends,
    ...withdrawals,
    ...holdEnds(observed, now),
    planned,
    planPokes(record, observed, now).next,
    look,
  ].filter((time) => time === undefined || time > now);
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
