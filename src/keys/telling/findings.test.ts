import { describe, expect, it } from 'vitest';
import { ROTATION_DUE, ROTATION_FAILED } from '../../api/index.ts';
import {
  active,
  ago,
  away,
  type Case,
  HOUR,
  inTime,
  key,
  NOW,
  observe,
  policy,
  request,
  stored,
} from '../testing/cases.ts';
import { keysMessage, rotationFindings } from './findings.ts';

const found = (what: Case) => rotationFindings(observe(what), NOW);
const failing = {
  dependency: 'Store',
  code: 'sealed',
  message: 'Vault is sealed',
  failures: 3,
  sinceTime: ago(HOUR),
  retryTime: inTime(4_000),
} as const;

describe('the conditions of keys', () => {
  it('are none while nothing is wanted, also while the store is away', () => {
    expect(found({ keys: [active] })).toEqual([]);
    expect(found({ keys: [active], store: away })).toEqual([]);
  });

  it('say of a rotation that waits for the store what is wrong with it, and since when', () => {
    const [due, failed, ...more] = found({
      keys: [active],
      store: away,
      rotation: request('x'),
      record: { failures: [failing] },
    });
    expect(due).toMatchObject({ type: ROTATION_DUE, reason: 'KeyStoreUnavailable' });
    expect(due?.message).toBe(`it is sealed. Since ${ago(HOUR)}.`);
    expect(failed).toMatchObject({ type: ROTATION_FAILED, reason: 'KeyStoreUnavailable' });
    expect(failed?.message).toBe(`Vault is sealed. Since ${ago(HOUR)}, 3 times; tried again at ${inTime(4_000)}.`);
    expect(more).toEqual([]);
  });

  it('say of a rotation for which there is no room when there will be', () => {
    const keys = [
      key('k1', 'Retiring', { retirementTime: inTime(HOUR) }),
      key('k2', 'Retiring', { retirementTime: inTime(2 * HOUR) }),
      key('k3', 'Active'),
    ];
    const full = found({ keys, rotation: request('x') });
    expect(full.map(({ type }) => type)).toEqual(['RotationDue', 'OverlapFull']);
    for (const { reason, message } of full) {
      expect(reason).toBe('OverlapFull');
      expect(message).toContain(inTime(HOUR));
    }
    expect(found({ keys })).toEqual([]);
  });

  it('say that a rotation is under way, but not of the first key', () => {
    const prepared = key('k2', 'Prepared');
    expect(found({ keys: [active, prepared] })).toMatchObject([{ type: ROTATION_DUE, reason: 'RotationInProgress' }]);
    expect(found({ keys: [key('k1', 'Prepared')] })).toEqual([]);
  });

  it('name a window that never opens, by its field', () => {
    const window = { schedule: '0 2 * * 6', timeZone: 'Mars/Olympus', duration: HOUR };
    const good = { ...window, timeZone: 'Europe/Berlin' };
    const [finding] = found({ keys: [active], policy: { ...policy, windows: [good, window] } });
    expect(finding).toMatchObject({ type: ROTATION_FAILED, reason: 'InvalidSpec' });
    expect(finding?.message).toContain('spec.keys.rotation.windows[1]');
    expect(found({ keys: [active], policy: { ...policy, windows: [good] } })).toEqual([]);
  });

  it('name what the store has and nobody recorded', () => {
    const keys = [key('k2', 'Active')];
    expect(keysMessage(observe({ keys, store: stored('k1', 'k2') }))).toContain('has k1 too');
    expect(keysMessage(observe({ keys }))).toBe('A key is in the Secret.');
  });
});
