import { describe, expect, it } from 'vitest';
import { parseEnvironmentId, parseIncarnation, parseRegistrationId } from '../../wire/index.ts';
import { DenyList, type DenyTarget } from './deny-list.ts';

const ENV = parseEnvironmentId('default_demo');
const OTHER = parseEnvironmentId('default_other');
const target: DenyTarget = {
  environmentId: ENV,
  match: { incarnation: parseIncarnation('uid-1') },
  reason: 'superseded',
};

describe('DenyList', () => {
  it('hits what it names, in its environment, until its end', () => {
    const list = new DenyList();
    list.add(target, 100, 200);
    const subject = { environmentId: ENV, registrationId: parseRegistrationId('r'), incarnation: 'uid-1' };
    expect(list.against(subject, 199)).toMatchObject({ reason: 'superseded' });
    expect(list.against({ ...subject, incarnation: 'uid-2' }, 199)).toBeUndefined();
    expect(list.against({ ...subject, environmentId: OTHER }, 199)).toBeUndefined();
    expect(list.against(subject, 200)).toBeUndefined();
    expect(list.standing(0)).toEqual([]);
  });

  it('has one deny a target, and a new id when the target is denied again', () => {
    const list = new DenyList();
    const first = list.add(target, 100, 200);
    expect(list.add(target, 101, 201)).toBeUndefined();
    expect(list.lift(target, 102)?.id).toBe(first?.id);
    expect(list.lift(target, 102)).toBeUndefined();
    expect(list.add(target, 103, 203)?.id).not.toBe(first?.id);
  });
});
