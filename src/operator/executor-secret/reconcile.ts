import { REASONS } from '../../api/index.ts';
import {
  changedKeys,
  isLive,
  type KeeperInput,
  type KeeperStep,
  type KeyEffect,
  type KeyKeeper,
  type KeyRecord,
  type KeysRecord,
  keysMessage,
  type ObservedKeys,
  rotationFindings,
} from '../../keys/index.ts';
import type { Finding } from '../conditions/conditions.ts';
import type { Stall } from '../namespaces/decide.ts';
import type { DoneEffect } from './key-teller.ts';

export interface KeysResult {
  /** What is to be written to status, or stands there already. */
  readonly record: KeysRecord;
  /** `ready`: a key is there, and pods may start. */
  readonly type: 'ready' | 'pending' | 'unavailable' | 'stalled';
  /** Of the condition `KeysReady`. */
  readonly message: string;
  readonly stall?: Stall;
  /** Conditions beside `KeysReady`. */
  readonly findings: readonly Finding[];
  /** Look again at this time, in milliseconds. */
  readonly until: number | undefined;
}

/** Effects in one look; what is left comes with the next, so that one executor does not hold up the others. */
const MAX_STEPS = 8;

/**
 * Brings the keys on until something is to be written to status, or there is nothing to do now. `done` hears of each effect that was done, with what
 * the store had at first.
 */
export async function reconcileKeys(
  keeper: KeyKeeper,
  input: KeeperInput,
  done: (done: DoneEffect) => void,
  signal: AbortSignal,
): Promise<KeysResult> {
  let seen = input;
  let step = await keeper.step(seen, { signal });
  const { store } = step.observed;
  const known = store.reachable ? store.keys.map(({ id }) => id) : [];
  for (let left = MAX_STEPS; ; left--) {
    const { effect, isDone, record } = step;
    if (effect !== undefined && isDone === true) done({ effect, record, known });
    if (left === 0 || step.type !== 'acted') return resultOf(step, input.now);
    seen = afterEffect(seen, effect);
    step = await keeper.step(seen, { signal });
  }
}

/** Stores are looked at in each step; of the pod it is only known what a cache shows, which is behind the poke. */
function afterEffect(seen: KeeperInput, effect: KeyEffect | undefined): KeeperInput {
  const { pod } = seen;
  return effect?.type === 'poke' && pod !== undefined ? { ...seen, pod: { ...pod, poked: effect.value } } : seen;
}

function resultOf({ type, observed, record, until }: KeeperStep, now: number): KeysResult {
  const after = { ...observed, record };
  const stall = stallOf(after);
  const common = { record, findings: rotationFindings(after, now), ...readiness(after) };
  if (stall !== undefined) return { ...common, type: 'stalled', stall, until };
  return { ...common, until: type === 'acted' ? now : until };
}

function readiness(observed: ObservedKeys): Pick<KeysResult, 'type' | 'message'> {
  const { record, store, secret } = observed;
  if (record.keys.some((key) => isLive(key) && isMounted(key, observed))) {
    return { type: 'ready', message: keysMessage(observed) };
  }
  const away = [store, secret].find((place) => place?.reachable === false);
  if (away?.reachable === false) return { type: 'unavailable', message: away.message };
  return { type: 'pending', message: 'The first key is being made.' };
}

/** Whether the sidecar finds it: pods start with a key or not at all. */
function isMounted(
  { id, fingerprint }: { readonly id: string; readonly fingerprint?: string | undefined },
  observed: ObservedKeys,
): boolean {
  const place = observed.secret ?? observed.store;
  return place.reachable && place.keys.some((key) => key.id === id && key.fingerprint === fingerprint);
}

function stallOf(observed: ObservedKeys): Stall | undefined {
  const places = [observed.store, observed.secret].filter((place) => place?.reachable === false);
  for (const place of places) {
    if (place?.reachable === false && place.code === 'not_owned') {
      return { reason: REASONS.NotOwned, message: place.message };
    }
  }
  const [changed] = changedKeys(observed);
  return changed && changedStall(changed, observed.secret === undefined);
}

function changedStall({ id, state }: KeyRecord, isSecretAlone: boolean): Stall {
  const place = isSecretAlone ? 'Secret' : 'key store';
  const reason = isSecretAlone ? REASONS.SecretInvalid : REASONS.KeyMismatch;
  // It was never made: there is nothing to restore or to revoke, and the Secret may hold others that are in use.
  if (state === 'Pending') {
    const message = `What the ${place} has as ${id} is no key of ours: somebody put it there before ${id} was made. Take it out, and ${id} is made.`;
    return { reason, message };
  }
  const mend = isSecretAlone ? 'Restore it, or delete the Secret' : `Restore it there, or revoke ${id}`;
  const message = `Key ${id} in the ${place} is not the one in status: somebody replaced it. ${mend} to have a new key made.`;
  return { reason, message };
}
