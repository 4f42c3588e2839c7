import { describe, expect, it } from 'vitest';
import type { KeyStatus } from '../../api/index.ts';
import { keyOccurrences } from './occurrences.ts';

const key = (id: string, state: KeyStatus['state'], more: Partial<KeyStatus> = {}): KeyStatus => ({
  id,
  state,
  trigger: 'Initial',
  creationTime: '2026-11-21T08:00:00Z',
  ...more,
});
const made = key('k1', 'Prepared', { fingerprint: 'SHA256:one' });

describe('what is told of keys', () => {
  it('is a key that was made, once', () => {
    expect(keyOccurrences([], [key('k1', 'Pending')])).toEqual([]);
    expect(keyOccurrences([key('k1', 'Pending')], [made])).toMatchObject([{ type: 'Normal', reason: 'KeyCreated' }]);
    expect(keyOccurrences([made], [{ ...made, state: 'Active' }])).toEqual([]);
  });

  it('is a key that was lost or revoked, with the reason, once', () => {
    const lost: KeyStatus = { ...made, state: 'Revoked', reason: 'lost' };
    const [told] = keyOccurrences([made], [lost, key('k2', 'Pending')]);
    expect(told).toMatchObject({ type: 'Warning', reason: 'KeyRevoked', note: 'Key k1 is accepted no more: lost.' });
    expect(keyOccurrences([lost], [lost])).toEqual([]);
  });
});
