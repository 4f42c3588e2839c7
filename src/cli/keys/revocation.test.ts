import { describe, expect, it } from 'vitest';
import { storedExecutor } from '../doctor/testing/stored.ts';
import { keyToRevoke, revocationOf, revocationText } from './revocation.ts';

const TIME = '2026-11-21T08:00:00Z';
const fingerprint = `SHA256:${'x'.repeat(43)}`;
const withKey = (state: string, more: object = {}) =>
  storedExecutor({
    status: { keys: [{ id: 'k3', state, trigger: 'Initial', creationTime: TIME, fingerprint, ...more }] },
  });

describe('the key that is to be revoked', () => {
  it('is one that is accepted, or is revoked already', () => {
    expect(keyToRevoke(withKey('Retiring'), 'k3')).toMatchObject({ id: 'k3' });
    expect(keyToRevoke(withKey('Revoked'), 'k3')).toMatchObject({ id: 'k3' });
  });

  it('is none that there never was, and none that is gone', () => {
    expect(() => keyToRevoke(withKey('Active'), 'k9')).toThrow('There are: k3 (Active)');
    const former = { id: 'k1', state: 'Destroyed', trigger: 'Initial', creationTime: TIME, retirementTime: TIME };
    const executor = storedExecutor({ status: { formerKeys: [former] } });
    expect(() => keyToRevoke(executor, 'k1')).toThrow('it was retired (gone)');
  });
});

describe('a revocation', () => {
  const cut = (acknowledged: number, missing: readonly string[], more: object = {}) => ({
    cut: { acknowledged, expected: 3, missing, ...more },
  });
  const done = { ...cut(3, [], { completionTime: TIME }), destructionTime: TIME };

  it.each<[string, object, boolean, string]>([
    ['Active', {}, false, 'k3 is not revoked yet: the operator has not recorded it'],
    ['Revoked', {}, false, 'k3 is revoked · nothing is heard of who has cut · not gone from Secret, store and pod yet'],
    [
      'Revoked',
      cut(2, ['relay-\x1b[2Jx']),
      false,
      'k3 is revoked · refused by 2/3 registries, relays and sidecars · not heard from: relay-�[2Jx · not gone from Secret, store and pod yet',
    ],
    [
      'Revoked',
      { ...cut(2, [], { completionTime: TIME }), destructionTime: TIME },
      true,
      'k3 is revoked · refused by 2/3 registries, relays and sidecars · not heard from: 1, of unknown names · gone from Secret, store and pod',
    ],
    [
      'Revoked',
      done,
      true,
      'k3 is revoked · refused by 3/3 registries, relays and sidecars · gone from Secret, store and pod',
    ],
    [
      'Revoked',
      { ...done, heldBy: ['sidecar of a_b'] },
      true,
      'k3 is revoked · refused by 3/3 registries, relays and sidecars · gone from Secret and store, but not said to be out of memory: sidecar of a_b',
    ],
  ])('of a key that is %s with %j is complete: %s', (state, more, complete, text) => {
    const revocation = revocationOf(withKey(state, more), 'k3');
    expect(revocation?.complete).toBe(complete);
    expect(revocation && revocationText(revocation)).toBe(text);
  });

  it('of a key that was never made has nobody to wait for', () => {
    const executor = withKey('Revoked', { fingerprint: undefined, destructionTime: TIME });
    expect(revocationOf(executor, 'k3')?.complete).toBe(true);
  });
});
