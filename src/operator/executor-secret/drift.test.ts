import { describe, expect, it } from 'vitest';
import type { KeyEffect } from '../../keys/index.ts';
import { active, ago, HOUR, key, observe } from '../../keys/testing/cases.ts';
import { driftOccurrence } from './drift.ts';

const fingerprint = 'SHA256:k1';
const told = (effect: KeyEffect, keys = [active], known: readonly string[] = ['k1']) =>
  driftOccurrence(effect, observe({ keys }).record, known);

describe('what somebody changed', () => {
  it.each<[string, KeyEffect, string]>([
    ['a key that serves and was not in the Secret', { type: 'deliver', id: 'k1', fingerprint }, 'KeyRestored'],
    ['another key in its place in the Secret', { type: 'withdraw', id: 'k1' }, 'ForeignKeyRemoved'],
    ['a key in the Secret that nobody made', { type: 'withdraw', id: 'k9' }, 'ForeignKeyRemoved'],
    ['a key that the store has lost', { type: 'restore', id: 'k1', fingerprint }, 'KeyStoreRolledBack'],
  ])('is told with a warning when it is %s', (_, effect, reason) => {
    expect(told(effect)).toMatchObject({ type: 'Warning', reason });
  });

  it('is a key that the store has again after its end', () => {
    const effect = { type: 'destroy', id: 'k1' } as const;
    expect(told(effect, [key('k1', 'Destroyed', { destructionTime: ago(HOUR) })])).toMatchObject({
      reason: 'KeyStoreRolledBack',
    });
    expect(told(effect, [key('k1', 'Retired')])).toBeUndefined();
  });

  it('is nothing to worry about when a store is new to the executor', () => {
    expect(told({ type: 'restore', id: 'k1', fingerprint }, [active], [])).toMatchObject({
      type: 'Normal',
      reason: 'KeyStored',
    });
  });

  it.each<[KeyEffect, Parameters<typeof key>[1]]>([
    [{ type: 'deliver', id: 'k1', fingerprint }, 'Prepared'],
    [{ type: 'withdraw', id: 'k1' }, 'Retired'],
    [{ type: 'withdraw', id: 'k1' }, 'Revoked'],
    [{ type: 'create', id: 'k1' }, 'Pending'],
    [{ type: 'note', id: 'k1', note: 'Active' }, 'Active'],
    [{ type: 'poke', value: 'k1' }, 'Active'],
  ])('is not what a rotation does by itself: $type of a key that is %s', (effect, state) => {
    expect(told(effect, [key('k1', state)])).toBeUndefined();
  });
});
