import { describe, expect, it } from 'vitest';
import { places, usersKubeconfig } from './places.ts';

const ROOT = { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' };

describe('places', () => {
  it('keeps what is worth keeping in the cache, and what runs in the state', () => {
    expect(places(ROOT)).toEqual({
      cache: '/c/noisefleet/cluster',
      state: '/s/noisefleet/cluster',
      bin: '/c/noisefleet/cluster/bin',
      logs: '/c/noisefleet/cluster/log',
      kubeconfig: '/s/noisefleet/cluster/kubeconfig',
    });
  });

  it('can be told other folders', () => {
    const told = places({ ...ROOT, NOISEFLEET_CLUSTER_CACHE: '/a', NOISEFLEET_CLUSTER_STATE: '/b' });
    expect(told).toMatchObject({ cache: '/a', bin: '/a/bin', kubeconfig: '/b/kubeconfig' });
  });
});

describe('usersKubeconfig', () => {
  it.each([
    ['not set', {}, undefined],
    ['empty', { KUBECONFIG: '' }, undefined],
    ['what our own up printed', { KUBECONFIG: '/s/noisefleet/cluster/kubeconfig' }, undefined],
    ['a cluster of the user', { KUBECONFIG: '/home/u/.kube/config' }, '/home/u/.kube/config'],
  ])('KUBECONFIG %s', (_, environment, expected) => {
    expect(usersKubeconfig(places(ROOT), environment)).toBe(expected);
  });
});
