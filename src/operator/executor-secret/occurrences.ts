import type { KeysRecord } from '../../keys/index.ts';
import type { Occurrence } from '../../kube/index.ts';

type KeyRecord = KeysRecord['keys'][number];

/** What happened to keys between two records, for people: an event each. */
export function keyOccurrences(before: readonly KeyRecord[], after: readonly KeyRecord[]): Occurrence[] {
  return after.flatMap(({ id, state, fingerprint, reason }): Occurrence[] => {
    const earlier = before.find((key) => key.id === id);
    if (state === 'Revoked' && earlier?.state !== 'Revoked') {
      const why = reason === undefined ? '' : `: ${reason}`;
      return [
        { type: 'Warning', reason: 'KeyRevoked', action: 'RevokeKey', note: `Key ${id} is accepted no more${why}.` },
      ];
    }
    if (fingerprint !== undefined && earlier?.fingerprint === undefined) {
      return [
        { type: 'Normal', reason: 'KeyCreated', action: 'CreateKey', note: `Key ${id} (${fingerprint}) was made.` },
      ];
    }
    const told = TRANSITIONS[state];
    return told === undefined || earlier === undefined || earlier.state === state
      ? []
      : [{ type: 'Normal', reason: told.reason, action: told.action, note: `Key ${id} ${told.note}.` }];
  });
}

const TRANSITIONS: Partial<Record<KeyRecord['state'], { reason: string; action: string; note: string }>> = {
  Active: { reason: 'KeyActivated', action: 'ActivateKey', note: 'serves new connections' },
  Retired: { reason: 'KeyRetired', action: 'RetireKey', note: 'is accepted no more: its overlap is over' },
  Destroyed: { reason: 'KeyDestroyed', action: 'DestroyKey', note: 'is gone from Secret and store' },
};
