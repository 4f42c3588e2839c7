import { describe, expect, it } from 'vitest';
import type { StoredKey } from '../key-store.ts';
import {
  active,
  away,
  type Case,
  decide,
  HOUR,
  heard,
  inTime,
  key,
  observe,
  print,
  stored,
  summary,
} from '../testing/cases.ts';
import { changedKeys, leftAlone } from './drift.ts';
import type { PlaceView } from './observed.ts';

describe('what is not as recorded', () => {
  it.each<[string, Case, string]>([
    ['a key that is missing in the Secret is delivered again', { keys: [active], secret: stored() }, 'deliver k1'],
    [
      'a key that somebody replaced in the Secret goes first',
      { keys: [active], secret: { reachable: true, keys: [{ id: 'k1', fingerprint: 'SHA256:x' }] } },
      'withdraw k1',
    ],
    [
      'a key that somebody put into the Secret is taken out',
      { keys: [active], secret: stored('k1', 'k9') },
      'withdraw k9',
    ],
    [
      'but not one that the store knows too',
      { keys: [active], store: stored('k1', 'k2'), secret: stored('k1', 'k2') },
      'k1 Active, k2 Prepared',
    ],
    ['a store that has lost a key gets it back from the Secret', { keys: [active], store: stored() }, 'restore k1'],
    [
      'a key that is nowhere is revoked, and another made',
      { keys: [active], store: stored(), secret: stored() },
      'k1 Revoked, k2 Pending',
    ],
    [
      'nor is what somebody put in its place in the Secret',
      { keys: [active], store: stored(), secret: { reachable: true, keys: [{ id: 'k1', fingerprint: undefined }] } },
      'k1 Revoked, k2 Pending',
    ],
    ['a key is not lost while the store is away', { keys: [active], store: away, secret: stored() }, 'wait'],
    ['a key is not lost while the Secret is away', { keys: [active], store: stored(), secret: away }, 'wait'],
    [
      'a key that nobody recorded is taken up',
      { keys: [], store: stored('k3'), secret: stored(), heard: heard() },
      'k3 Prepared',
    ],
    [
      'a Secret whose status is lost is believed',
      { keys: [], store: stored(), secret: stored('k3'), heard: heard() },
      'k3 Prepared',
    ],
    [
      'an older one that nobody recorded is left alone',
      { keys: [key('k2', 'Active')], store: stored('k1', 'k2') },
      'wait',
    ],
    [
      'another key in the place of a recorded one is left alone',
      { keys: [active], store: { reachable: true, keys: [{ id: 'k1', fingerprint: 'SHA256:x' }] } },
      'wait',
    ],
  ])('%s', (_, what, expected) => {
    expect(summary(decide(what))).toBe(expected);
  });

  it('is named', () => {
    const store: PlaceView = {
      reachable: true,
      keys: [
        { id: 'k1', fingerprint: print('k1') },
        { id: 'k2', fingerprint: 'SHA256:x' },
      ],
    };
    const observed = observe({ keys: [key('k2', 'Active')], store });
    expect(leftAlone(observed.record, store)).toEqual(['k1']);
    expect(changedKeys(observed).map(({ id }) => id)).toEqual(['k2']);
  });

  it('comes up with the same keys in a new cluster in front of the same store', () => {
    const noted = (id: string, state: string, retirementTime?: string): StoredKey => {
      return { id, fingerprint: print(id), note: { state, ...(retirementTime !== undefined && { retirementTime }) } };
    };
    const keys = [
      noted('k4', 'Retained'),
      noted('k5', 'Revoked'),
      noted('k6', 'Retiring', inTime(HOUR)),
      noted('k7', 'Active'),
    ];
    const decision = decide({ keys: [], store: { reachable: true, keys }, secret: stored(), heard: heard() });
    expect(decision).toMatchObject({
      record: {
        keys: [
          { id: 'k5', state: 'Revoked' },
          { id: 'k6', state: 'Retiring', retirementTime: inTime(HOUR) },
          { id: 'k7', state: 'Prepared' },
        ],
      },
    });
  });
});
