import { type ExecutorStatus, type FormerKeyStatus, type KeyStatus, MAX_KEYS_IN_STATUS } from '../api/index.ts';
import { byNumber, type KeyRecord, type KeysRecord } from './machine/record.ts';

/** The part of `status` that is the record. */
export type KeysStatus = Pick<
  ExecutorStatus,
  | 'keys'
  | 'formerKeys'
  | 'droppedKeys'
  | 'handledRotationRequests'
  | 'ignoredRevocation'
  | 'lastRotationTime'
  | 'nextRotationTime'
  | 'keyDelivery'
  | 'keyFailures'
>;

export function recordOf(status: KeysStatus): KeysRecord {
  return {
    keys: [...status.keys, ...status.formerKeys].sort(byNumber),
    dropped: status.droppedKeys ?? 0,
    handledRequests: status.handledRotationRequests,
    ignoredRevocation: status.ignoredRevocation,
    lastRotationTime: status.lastRotationTime,
    nextRotationTime: status.nextRotationTime,
    delivery: status.keyDelivery && { keys: status.keyDelivery.keys, time: status.keyDelivery.deliveryTime },
    failures: status.keyFailures,
  };
}

/**
 * What is retired or destroyed stands in a list of its own: registries refuse what `status.keys` does not name, and those of the release before
 * know no such states. What is revoked stays among the keys for as long as there is room, so that a registry that comes late denies it too.
 */
export function statusOf(record: KeysRecord): KeysStatus {
  const named = record.keys.filter((key) => key.state !== 'Retired' && key.state !== 'Destroyed');
  const excess = named.length - MAX_KEYS_IN_STATUS;
  const moved = excess > 0 ? named.filter(({ state }) => state === 'Revoked').slice(0, excess) : [];
  return {
    keys: record.keys.flatMap((key) => (moved.includes(key) ? [] : keyStatus(key))),
    formerKeys: record.keys.flatMap((key) => formerKeyStatus(key, moved.includes(key))),
    ...(record.dropped > 0 && { droppedKeys: record.dropped }),
    handledRotationRequests: [...record.handledRequests],
    ...(record.ignoredRevocation !== undefined && { ignoredRevocation: record.ignoredRevocation }),
    ...(record.lastRotationTime !== undefined && { lastRotationTime: record.lastRotationTime }),
    ...(record.nextRotationTime !== undefined && { nextRotationTime: record.nextRotationTime }),
    ...(record.delivery !== undefined && {
      keyDelivery: {
        keys: record.delivery.keys.slice(0, MAX_KEYS_IN_STATUS),
        deliveryTime: record.delivery.time,
      },
    }),
    keyFailures: [...record.failures],
  };
}

function keyStatus({ state, cut, heldBy, ...facts }: KeyRecord): KeyStatus[] {
  switch (state) {
    case 'Pending':
    case 'Prepared':
    case 'Active':
    case 'Retiring':
    case 'Revoked':
      return [{ ...facts, state, ...partyStatus({ cut, heldBy }) }];
    case 'Retired':
    case 'Destroyed':
      return [];
    default:
      return state satisfies never;
  }
}

function formerKeyStatus({ state, cut, heldBy, ...facts }: KeyRecord, isMoved: boolean): FormerKeyStatus[] {
  if (state === 'Retired' || state === 'Destroyed') return [{ ...facts, state, ...partyStatus({ heldBy }) }];
  return state === 'Revoked' && isMoved ? [{ ...facts, state, ...partyStatus({ cut, heldBy }) }] : [];
}

function partyStatus({ cut, heldBy }: Pick<KeyRecord, 'cut' | 'heldBy'>): Pick<KeyStatus, 'cut' | 'heldBy'> {
  return {
    ...(cut !== undefined && { cut: { ...cut, missing: [...cut.missing] } }),
    ...(heldBy !== undefined && { heldBy: [...heldBy] }),
  };
}
