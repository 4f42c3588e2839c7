import { describe, expect, it } from 'vitest';
import type { KeyRecord } from '../machine/record.ts';
import { keyChanges } from './changes.ts';
import { keyOccurrences } from './occurrences.ts';

const key = (id: string, state: KeyRecord['state'], more: Partial<KeyRecord> = {}): KeyRecord => ({
  id,
  state,
  trigger: 'Initial',
  creationTime: '2026-11-21T08:00:00Z',
  ...more,
});
const made = key('k1', 'Prepared', { fingerprint: 'SHA256:one' });
const told = (before: readonly KeyRecord[], after: readonly KeyRecord[]) => keyOccurrences(keyChanges(before, after));

describe('what is told of keys', () => {
  it('is a key that was made, once', () => {
    expect(told([], [key('k1', 'Pending')])).toEqual([]);
    expect(told([key('k1', 'Pending')], [made])).toMatchObject([{ type: 'Normal', reason: 'KeyCreated' }]);
    expect(told([made], [made])).toEqual([]);
  });

  it('is a rotation that began, with who asked for it and whether that is proven', () => {
    const asked = { trigger: 'Annotation', requestedBy: 'jane', reason: 'CHG-1' } as const;
    const [unproven] = told([made], [made, key('k2', 'Pending', { ...asked, requester: 'Unverified' })]);
    expect(unproven).toMatchObject({ reason: 'KeyRotationStarted' });
    expect(unproven?.note).toBe('Key k2 is being made: it was asked for by jane (unverified): CHG-1.');
    const [proven] = told([made], [made, key('k2', 'Pending', { ...asked, requester: 'Verified' })]);
    expect(proven?.note).toBe('Key k2 is being made: it was asked for by jane: CHG-1.');
    const [due] = told([made], [made, key('k2', 'Pending', { trigger: 'Schedule' })]);
    expect(due?.note).toBe('Key k2 is being made: its time has come.');
  });

  it('is a rotation that is finished, with the key before; the first key just begins to serve', () => {
    const second = key('k2', 'Prepared', { fingerprint: 'SHA256:two' });
    expect(told([made], [{ ...made, state: 'Active' }])).toMatchObject([{ reason: 'KeyActivated' }]);
    const rotated = told(
      [{ ...made, state: 'Active' }, second],
      [
        { ...made, state: 'Retiring' },
        { ...second, state: 'Active' },
      ],
    );
    expect(rotated).toMatchObject([{ reason: 'KeyRotated', note: 'Key k2 serves new connections in place of k1.' }]);
  });

  it.each([
    ['Retired', 'KeyRetired'],
    ['Destroyed', 'KeyDestroyed'],
  ] as const)('is each step of a key on its way: %s', (state, reason) => {
    expect(told([made], [{ ...made, state }])).toMatchObject([{ type: 'Normal', reason }]);
    expect(told([{ ...made, state }], [{ ...made, state }])).toEqual([]);
  });

  it('is a key that was lost or revoked, with the reason, once', () => {
    const lost: KeyRecord = { ...made, state: 'Revoked', reason: 'lost' };
    const [revoked] = told([made], [lost, key('k2', 'Pending')]);
    expect(revoked).toMatchObject({ type: 'Warning', reason: 'KeyRevoked', note: 'Key k1 is accepted no more: lost.' });
    expect(told([lost], [lost])).toEqual([]);
  });
});
