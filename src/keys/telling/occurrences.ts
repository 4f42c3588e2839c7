import { requesterText } from '../../api/index.ts';
import type { Occurrence } from '../../kube/index.ts';
import type { KeyRecord } from '../machine/record.ts';
import type { KeyChange } from './changes.ts';

/** What happened to keys, for people: an event each. */
export function keyOccurrences(changes: readonly KeyChange[]): Occurrence[] {
  return changes.flatMap((change) => occurrenceOf(change) ?? []);
}

function occurrenceOf({ type, key, previous }: KeyChange): Occurrence | undefined {
  const { id, fingerprint, reason } = key;
  switch (type) {
    case 'requested':
      // The first key is no rotation.
      if (key.trigger === 'Initial') return undefined;
      return normal('KeyRotationStarted', 'RotateKey', `Key ${id} is being made: ${causeOf(key)}.`);
    case 'created':
      return normal('KeyCreated', 'CreateKey', `Key ${id} (${fingerprint}) was made.`);
    case 'activated':
      if (previous === undefined) return normal('KeyActivated', 'ActivateKey', `Key ${id} serves new connections.`);
      return normal('KeyRotated', 'RotateKey', `Key ${id} serves new connections in place of ${previous.id}.`);
    case 'retired':
      return normal('KeyRetired', 'RetireKey', `Key ${id} is accepted no more: its overlap is over.`);
    case 'destroyed':
      return destroyed(key);
    case 'revoked': {
      const why = reason === undefined ? '' : `: ${reason}`;
      return {
        type: 'Warning',
        reason: 'KeyRevoked',
        action: 'RevokeKey',
        note: `Key ${id} is accepted no more${why}.`,
      };
    }
    default:
      return type satisfies never;
  }
}

function destroyed({ id, heldBy }: KeyRecord): Occurrence {
  if (heldBy === undefined)
    return normal('KeyDestroyed', 'DestroyKey', `Key ${id} is gone from Secret, store and pod.`);
  const note = `Key ${id} is gone from Secret and store. Not said to be out of memory: ${heldBy.join(', ')}.`;
  return { type: 'Warning', reason: 'KeyDestroyed', action: 'DestroyKey', note };
}

function normal(reason: string, action: string, note: string): Occurrence {
  return { type: 'Normal', reason, action, note };
}

function causeOf(key: KeyRecord): string {
  switch (key.trigger) {
    case 'Schedule':
      return 'its time has come';
    case 'Revocation':
      return 'no other key serves any more';
    default: {
      const by = requesterText(key);
      const words = by === undefined ? '' : ` by ${by}`;
      return `it was asked for${words}${key.reason === undefined ? '' : `: ${key.reason}`}`;
    }
  }
}
