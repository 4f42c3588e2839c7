import { describe, expect, it } from 'vitest';
import type { KeysRecord } from '../../keys/index.ts';
import { keyOccurrences } from './occurrences.ts';

type KeyRecord = KeysRecord['keys'][number];

const key = (id: string, state: KeyRecord['state'], more: Partial<KeyRecord> = {}): KeyRecord => ({
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
    expect(keyOccurrences([made], [made])).toEqual([]);
  });

  it.each([
    ['Active', 'KeyActivated'],
    ['Retired', 'KeyRetired'],
    ['Destroyed', 'KeyDestroyed'],
  ] as const)('is each step of a key on its way: %s', (state, reason) => {
    expect(keyOccurrences([made], [{ ...made, state }])).toMatchObject([{ type: 'Normal', reason }]);
    expect(keyOccurrences([{ ...made, state }], [{ ...made, state }])).toEqual([]);
  });

  it('is a key that was lost or revoked, with the reason, once', () => {
    const lost: KeyRecord = { ...made, state: 'Revoked', reason: 'lost' };
    const [told] = keyOccurrences([made], [lost, key('k2', 'Pending')]);
    expect(told).toMatchObject({ type: 'Warning', reason: 'KeyRevoked', note: 'Key k1 is accepted no more: lost.' });
    expect(keyOccurrences([lost], [lost])).toEqual([]);
  });
});
