import { describe, expect, it } from 'vitest';
import type { PodStatus } from './decide.ts';
import { MadePods } from './made-pods.ts';

const owner = { kind: 'Executor', name: 'build', namespace: 'team-a', uid: 'e1' } as const;
const made: PodStatus = { name: 'build-2', attempt: 2, failures: 0, uid: 'u2' };
const { uid: _, ...unborn } = made;

function remembering(): MadePods {
  const pods = new MadePods();
  pods.remember(owner, made);
  return pods;
}

describe('the pods that this process has made', () => {
  it.each<[string, PodStatus | undefined]>([
    ['has no status', undefined],
    ['shows the pod before', { name: 'build-1', attempt: 1, failures: 0, uid: 'u1' }],
    ['shows the name and not yet the UID', unborn],
  ])('are known while the cache %s', (_how, written) => {
    expect(remembering().known(owner, written)).toEqual(made);
  });

  it('are what status says as soon as it says it, and what follows', () => {
    const pods = remembering();
    expect(pods.known(owner, made)).toEqual(made);
    const next: PodStatus = { name: 'build-3', attempt: 3, failures: 1 };
    expect(pods.known(owner, next)).toEqual(next);
    expect(pods.known(owner, unborn)).toEqual(unborn);
  });

  it('belong to one life of an executor', () => {
    expect(remembering().known({ ...owner, uid: 'e2' }, undefined)).toBeUndefined();
    const pods = remembering();
    pods.forget(owner);
    expect(pods.known(owner, undefined)).toBeUndefined();
  });
});
