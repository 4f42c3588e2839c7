import type { KeyStatus } from '../../api/index.ts';
import type { Occurrence } from '../../kube/index.ts';

/** What happened to keys between two states of `status.keys`, for people: an event each. */
export function keyOccurrences(before: readonly KeyStatus[], after: readonly KeyStatus[]): Occurrence[] {
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
    return [];
  });
}
