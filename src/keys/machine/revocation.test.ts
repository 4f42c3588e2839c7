import { describe, expect, it } from 'vitest';
import {
  active,
  ago,
  away,
  DAY,
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
import type { HeardKeys } from './observed.ts';
import type { KeyRecord } from './record.ts';

describe('a revocation', () => {
  const revocation = { keyId: 'k1', requestedBy: 'bob', proven: true, reason: 'it leaked' };

  it('is recorded first, with the intent of another key', () => {
    expect(decide({ keys: [active], revocation })).toMatchObject({
      record: {
        keys: [
          { id: 'k1', state: 'Revoked', reason: 'bob: it leaked', revocationTime: ago(0) },
          { id: 'k2', state: 'Pending', trigger: 'Revocation' },
        ],
      },
    });
  });

  it('is recorded though store and pod are away', () => {
    const decision = decide({ keys: [active], revocation, store: away, heard: { ...heard(), known: false } });
    expect(summary(decision)).toBe('k1 Revoked');
  });

  it.each(['Pending', 'Prepared', 'Active', 'Retiring', 'Retired'] as const)('takes a key that is %s', (state) => {
    const keys = [key('k1', state, { retirementTime: inTime(HOUR) }), key('k2', 'Active')];
    expect(summary(decide({ keys, revocation })).split(', ')).toContain('k1 Revoked');
  });

  const revoked = (more: Partial<KeyRecord> = {}) =>
    key('k1', 'Revoked', { revocationTime: ago(0), reason: 'x', ...more });
  const both = stored('k1', 'k2');
  const acknowledgedBy = (...by: string[]): HeardKeys => ({
    ...heard('k2'),
    acknowledged: new Map([[print('k1'), new Set(by)]]),
  });

  const progress = (by: HeardKeys) => {
    const decision = decide({ keys: [revoked(), key('k2', 'Active')], store: both, secret: both, heard: by });
    return decision.type === 'record' ? decision.record.keys[0]?.cut : decision;
  };

  it('counts who has cut, names who was not heard from, and is complete when every registry and sidecar has', () => {
    expect(progress(acknowledgedBy('relay a', 'registry'))).toEqual({
      acknowledged: 2,
      expected: 3,
      missing: ['sidecar'],
    });
    expect(progress(acknowledgedBy('sidecar'))).toEqual({
      acknowledged: 1,
      expected: 3,
      missing: ['registry', 'relay a'],
    });
    expect(progress(acknowledgedBy('sidecar', 'registry'))).toEqual({
      acknowledged: 2,
      expected: 3,
      missing: ['relay a'],
      completionTime: ago(0),
    });
    expect(progress({ ...acknowledgedBy(), known: false })).toEqual({ acknowledged: 0, expected: 0, missing: [] });
  });

  it('without a pod is complete when every registry refuses the key and no socket is left under it', () => {
    const alone = (more: Partial<HeardKeys>, ...by: string[]) => {
      return progress({ ...acknowledgedBy(...by), sidecars: [], ...more });
    };
    expect(alone({})).toEqual({ acknowledged: 0, expected: 2, missing: ['registry', 'relay a'] });
    expect(alone({ live: new Set([print('k1')]) }, 'registry')).toMatchObject({
      acknowledged: 1,
      missing: ['relay a'],
    });
    expect(alone({ live: new Set([print('k1')]) }, 'registry')).not.toHaveProperty('completionTime');
    expect(alone({}, 'registry')).toMatchObject({ acknowledged: 1, completionTime: ago(0) });
    expect(alone({ registries: ['registry', 'registry b'] }, 'registry')).not.toHaveProperty('completionTime');
  });

  it('names as many as there is room for, and counts all', () => {
    const relays = Array.from({ length: 30 }, (_, at) => `relay ${at}`);
    const first = progress({ ...acknowledgedBy('registry', 'sidecar'), relays });
    expect(first).toMatchObject({ acknowledged: 2, expected: 32 });
    const { missing = [], ...counts } = first !== undefined && 'missing' in first ? first : {};
    expect(missing).toHaveLength(20);
    const keys = [revoked({ cut: { acknowledged: 2, expected: 32, ...counts, missing }, destructionTime: ago(0) })];
    const heardLate = { ...acknowledgedBy(...missing.slice(0, 5)), relays };
    expect(decide({ keys: [...keys, key('k2', 'Active')], heard: heardLate })).toMatchObject({
      record: { keys: [{ cut: { acknowledged: 7, expected: 32 } }, {}] },
    });
  });

  it('names a relay that comes in late no more, and forgets nothing when denies end', () => {
    const cut = { acknowledged: 1, expected: 2, missing: ['relay a'], completionTime: ago(HOUR) };
    const keys = [revoked({ cut, destructionTime: ago(HOUR) }), key('k2', 'Active')];
    expect(summary(decide({ keys, heard: acknowledgedBy() }))).toBe('wait');
    expect(decide({ keys, heard: acknowledgedBy('relay a') })).toMatchObject({
      record: { keys: [{ cut: { acknowledged: 2, missing: [] } }, {}] },
    });
  });

  const NOT_CUT = { acknowledged: 0, expected: 3, missing: ['registry', 'relay a', 'sidecar'] };

  it('makes the new key before it takes the old one away', () => {
    const keys = [revoked({ cut: NOT_CUT }), key('k2', 'Pending')];
    expect(summary(decide({ keys, store: stored('k1'), secret: stored('k1'), heard: heard() }))).toBe('create k2');
  });

  it.each<[string, Partial<KeyRecord>, string]>([
    ['leaves the key in the Secret for a sidecar that has not cut', { cut: NOT_CUT }, 'wait'],
    ['but not for long', { cut: NOT_CUT, revocationTime: ago(30_000) }, 'withdraw k1'],
    ['nor for a time that a wrong clock wrote', { cut: NOT_CUT, revocationTime: inTime(DAY) }, 'withdraw k1'],
    [
      'nor once every sidecar has',
      { cut: { ...NOT_CUT, acknowledged: 1, missing: ['relay a'], completionTime: ago(0) } },
      'withdraw k1',
    ],
  ])('%s', (_, more, expected) => {
    const keys = [revoked(more), key('k2', 'Active')];
    expect(summary(decide({ keys, store: both, secret: both, heard: heard('k2') }))).toBe(expected);
  });

  it('of a key that there is not is no standing order for the key that will have that number', () => {
    const unknown = { ...revocation, keyId: 'k2' };
    const first = decide({ keys: [active], revocation: unknown });
    expect(first).toMatchObject({ record: { ignoredRevocation: 'k2' } });
    const later = decide({
      keys: [active, key('k2', 'Prepared')],
      revocation: unknown,
      record: { ignoredRevocation: 'k2' },
    });
    expect(summary(later)).toBe('k1 Retiring, k2 Active');
    const taken = observe({ keys: [active], record: { ignoredRevocation: 'k2' } });
    expect(taken.record.ignoredRevocation).toBeUndefined();
  });
});
