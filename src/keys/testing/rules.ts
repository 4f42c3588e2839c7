import { parseTime } from '../../kube/index.ts';
import { isLive, type KeyRecord, type KeysRecord, MAX_LIVE_KEYS } from '../machine/record.ts';

/** All that there is at one moment, as nobody in the product sees it at once. Keys by their ids, as fingerprints. */
export interface Scene {
  /** As it is stored. */
  readonly record: KeysRecord;
  readonly store: ReadonlyMap<string, string>;
  /** What the sidecar mounts; undefined where that is the store. */
  readonly secret: ReadonlyMap<string, string> | undefined;
  /** Fingerprints that a live socket serves, or has served: what is recorded was heard a moment ago. */
  readonly served: ReadonlySet<string>;
  /** Fingerprints in the sidecar's memory. */
  readonly loaded: ReadonlySet<string>;
  /** Values and ids that people have asked for. */
  readonly asked: { readonly rotation: string | undefined; readonly revocation: string | undefined };
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A change to a place with keys. */
export type Change = 'make' | 'deliver' | 'withdraw' | 'destroy';

/** A revoked key stays in the Secret for so long for a sidecar that has not cut. Milliseconds. */
const CUT_PATIENCE_MS = 30_000;

/** What must be so before a key is touched, when nobody but one operator has changed anything. Throws otherwise. */
export function mayChange(change: Change, id: string, scene: Scene): void {
  const key = keyOf(scene.record, id);
  const { store, secret } = scene;
  switch (change) {
    case 'make':
      must(key?.state === 'Pending', `${id} is made, and the record says ${key?.state}`);
      break;
    case 'deliver':
      must(key !== undefined && isLive(key), `${id} is delivered, and the record says ${key?.state}`);
      must(store.get(id) === key?.fingerprint, `${id} is delivered, and is not what the store has`);
      break;
    case 'withdraw':
      mayLeave(key, id, scene);
      break;
    case 'destroy':
      must(secret?.has(id) !== true, `${id} is destroyed, and the Secret still has it`);
      mayLeave(key, id, scene);
      break;
    default:
      throw new Error(change satisfies never);
  }
}

/** What must be so of two records of which one follows the other, when nobody but one operator has changed anything. Throws otherwise. */
export function mayFollow(before: KeysRecord, after: KeysRecord, scene: Scene): void {
  mustBeInOrder(after);
  const dropped = after.dropped - before.dropped;
  for (const key of before.keys.slice(dropped)) mustGoOn(key, keyOf(after, key.id));
  const begun = after.keys.filter(({ id }) => keyOf(before, id) === undefined);
  must(begun.length <= 1, `${begun.map(({ id }) => id)} are begun at once`);
  for (const key of begun) mustBeWanted(key, before, after, scene);
  for (const key of after.keys) {
    const was = keyOf(before, key.id);
    if (was === undefined) continue;
    if (was.state !== key.state) mayBecome(key, was, after, scene);
    if (was.destructionTime === undefined && key.destructionTime !== undefined) mustBeGone(key, scene);
  }
}

const ORDER = ['Pending', 'Prepared', 'Active', 'Retiring', 'Retired', 'Destroyed', 'Revoked'] as const;

function mayBecome(key: KeyRecord, was: KeyRecord, { keys }: KeysRecord, scene: Scene): void {
  const { id, fingerprint = '', state } = key;
  const passes = (through: KeyRecord['state']) => stage(was.state) < stage(through) && stage(state) >= stage(through);
  must(stage(was.state) < stage(state), `${id} was ${was.state} and is ${state}`);
  if (state === 'Revoked') must(scene.asked.revocation === id, `${id} is revoked, and nobody asked for it`);
  if (state === 'Revoked') return;
  const successor = keys.find((other) => other.state === 'Active');
  if (passes('Prepared')) must(scene.store.get(id) === fingerprint, `${id} is Prepared, and is not what the store has`);
  if (state === 'Active') must(scene.served.has(fingerprint), `${id} is Active, and no socket has served it`);
  if (passes('Retiring')) must(successor !== undefined, `${id} is ${state}, and none is Active`);
  if (passes('Retired')) must((parseTime(key.retirementTime) ?? scene.now) <= scene.now, `${id} is Retired too early`);
}

function mustBeGone({ id, fingerprint = '' }: KeyRecord, { store, secret, loaded }: Scene): void {
  must(!store.has(id) && secret?.has(id) !== true, `${id} is called gone, and is not`);
  must(!loaded.has(fingerprint), `${id} is called gone, and the sidecar has it`);
}

/** A key goes for being retired, with another in its place, or revoked, with its streams cut or given the time to. */
function mayLeave(key: KeyRecord | undefined, id: string, { record, store, secret, now }: Scene): void {
  if (key?.state === 'Revoked') {
    const patience = (parseTime(key.revocationTime) ?? now) + CUT_PATIENCE_MS;
    must(key.cut?.completionTime !== undefined || patience <= now, `${id} goes, and is not cut`);
    must(record.keys.some(isUsable), `${id} goes, and no other is begun`);
    return;
  }
  must(key?.state === 'Retired', `${id} goes, and the record says ${key?.state}`);
  const isReplaced = record.keys.some((other) => {
    return (
      other.state === 'Active' && [store, secret ?? store].every((held) => held.get(other.id) === other.fingerprint)
    );
  });
  must(isReplaced, `${id} goes, and no active key is in its place`);
}

/** What is once written of a key is never different, and never missing. */
function mustGoOn(was: KeyRecord, is: KeyRecord | undefined): void {
  must(is !== undefined, `history has lost ${was.id}`);
  for (const fact of LASTING) {
    must(
      was[fact] === undefined || was[fact] === is?.[fact],
      `${fact} of ${was.id} was ${was[fact]} and is ${is?.[fact]}`,
    );
  }
}

const LASTING = [
  'fingerprint',
  'trigger',
  'requestedBy',
  'requester',
  'creationTime',
  'preparationTime',
  'activationTime',
  'revocationTime',
  'destructionTime',
] as const;

/** One key for the first start, for each request, and for each key that was revoked. */
function mustBeWanted({ id, state, trigger }: KeyRecord, before: KeysRecord, after: KeysRecord, scene: Scene): void {
  must(state === 'Pending', `${id} begins as ${state}`);
  const { rotation = '' } = scene.asked;
  const isAnswer = !before.handledRequests.includes(rotation) && after.handledRequests.includes(rotation);
  if (trigger === 'Annotation') must(isAnswer, `${id} answers no request that was open`);
  if (trigger === 'Initial') must(before.keys.length === 0, `${id} is not the first`);
  const usable = before.keys.filter((key) => isUsable(key) && keyOf(after, key.id)?.state !== 'Revoked');
  if (trigger === 'Revocation') must(usable.length === 0, `${id} is begun beside ${usable.map((key) => key.id)}`);
}

function mustBeInOrder({ keys, dropped, handledRequests }: KeysRecord): void {
  must(
    keys.every(({ id }, at) => id === `k${dropped + at + 1}`),
    `history has a gap: ${keys.map(({ id }) => id)}`,
  );
  must(keys.filter(({ state }) => state === 'Active').length <= 1, 'two keys are Active');
  must(keys.filter(isLive).length <= MAX_LIVE_KEYS, 'too many keys are live');
  const known = keys.flatMap(({ fingerprint }) => fingerprint ?? []);
  must(new Set(known).size === known.length, 'two numbers name one key');
  must(new Set(handledRequests).size === handledRequests.length, 'a request was handled twice');
}

/** It serves, or is on its way to. */
function isUsable({ state }: KeyRecord): boolean {
  return state === 'Pending' || state === 'Prepared' || state === 'Active';
}

function stage(state: KeyRecord['state']): number {
  return ORDER.indexOf(state);
}

function keyOf({ keys }: KeysRecord, id: string): KeyRecord | undefined {
  return keys.find((key) => key.id === id);
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new BrokenRule(otherwise);
}

/** Something happened that must never happen. */
export class BrokenRule extends Error {
  override readonly name = 'BrokenRule';
}
