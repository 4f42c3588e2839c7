import { describe, expect, it } from 'vitest';
import { ago, decide, HOUR, heard, inTime, key, print, stored, summary } from '../testing/cases.ts';
import type { HeardKeys } from './observed.ts';
import type { KeyRecord } from './record.ts';

const both = [key('k1', 'Retired'), key('k2', 'Active')];
const SECOND = 1_000;

const holding = (...ids: string[]): HeardKeys => ({ ...heard('k2'), loaded: new Set(ids.map(print)) });
const silent: HeardKeys = { ...heard('k2'), loaded: undefined };

/** k1 left the Secret so long ago. */
function seen(
  milliseconds: number,
  by: HeardKeys,
  keys: readonly KeyRecord[] = both,
  lingering: ReadonlySet<string> = new Set(),
) {
  const what = { keys, store: stored('k2'), secret: stored('k2'), heard: by, lingering };
  const record = { delivery: { keys: ['k2'], time: ago(milliseconds) } };
  const first = decide({ ...what, record });
  // What follows from the rest, written already: this is about one thing.
  const isOther = first.type === 'record' && JSON.stringify(first.record.keys) === JSON.stringify(keys);
  return isOther ? decide({ ...what, record: { ...record, nextRotationTime: first.record.nextRotationTime } }) : first;
}

describe('a key that is gone from Secret and store', () => {
  it('is called gone when its sidecar says that it is out of memory', () => {
    expect(summary(seen(SECOND, holding('k2')))).toBe('k1 Destroyed, k2 Active');
    expect(seen(SECOND, holding('k2'))).not.toHaveProperty(['record', 'keys', '0', 'heldBy']);
  });

  it.each<[string, HeardKeys]>([
    ['has it in memory', holding('k1', 'k2')],
    ['does not say', silent],
    ['is not heard', { ...silent, known: false, present: new Set() }],
  ])('is not called gone at once while a sidecar %s, and then with its name', (_, by) => {
    const waits = seen(SECOND, by);
    expect(JSON.stringify(waits)).not.toContain('Destroyed');
    expect(seen(120 * SECOND, by)).toMatchObject({
      record: { keys: [{ id: 'k1', state: 'Destroyed', heldBy: ['sidecar'] }, {}] },
    });
  });

  it('is looked at again when patience ends', () => {
    expect(seen(100 * SECOND, silent)).toEqual({ type: 'wait', until: Date.parse(inTime(20 * SECOND)) });
  });

  it('is waited for by no clock that was ahead, and by nobody without a pod', () => {
    expect(summary(seen(-HOUR, holding('k1')))).toBe('k1 Destroyed, k2 Active');
    expect(summary(seen(SECOND, { ...silent, sidecars: [] }))).toBe('k1 Destroyed, k2 Active');
  });

  it.each([SECOND, 120 * SECOND, HOUR])(
    'is not called gone while the operator may have it in memory itself, however long: %i',
    (since) => {
      const waits = seen(since, holding('k2'), both, new Set(['k1']));
      expect(waits).toEqual({ type: 'wait', until: Date.parse(inTime(SECOND)) });
      expect(summary(seen(since, holding('k2'), both, new Set(['k2'])))).toBe('k1 Destroyed, k2 Active');
    },
  );

  it('names its holder until that one says that it let go, or is gone itself', () => {
    const held = [key('k1', 'Destroyed', { destructionTime: ago(HOUR), heldBy: ['sidecar'] }), key('k2', 'Active')];
    expect(summary(seen(HOUR, holding('k1', 'k2'), held))).toBe('wait');
    expect(summary(seen(HOUR, { ...silent, known: false }, held))).toBe('wait');
    for (const by of [holding('k2'), { ...silent, sidecars: [] }]) {
      const decision = seen(HOUR, by, held);
      expect(decision).toMatchObject({ record: { keys: [{ id: 'k1', state: 'Destroyed' }, {}] } });
      expect(decision).not.toHaveProperty(['record', 'keys', '0', 'heldBy']);
    }
  });

  it('as a revoked one is called gone the same way', () => {
    const cut = { acknowledged: 3, expected: 3, missing: [], completionTime: ago(0) };
    const keys = [key('k1', 'Revoked', { cut, revocationTime: ago(HOUR) }), key('k2', 'Active')];
    expect(JSON.stringify(seen(SECOND, holding('k1'), keys))).not.toContain('destructionTime');
    expect(seen(SECOND, holding('k2'), keys)).toMatchObject({ record: { keys: [{ destructionTime: ago(0) }, {}] } });
  });
});
