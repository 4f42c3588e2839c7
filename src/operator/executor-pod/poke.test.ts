import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyStatus } from '../../api/index.ts';
import { type ObjectApi, type Pod, pods } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { pokeForKey } from './poke.ts';

const ref = { namespace: 'team-a', name: 'build-1' };
const { signal } = new AbortController();
const madeAt = (preparationTime: string): KeyStatus => {
  return { id: 'k2', state: 'Prepared', trigger: 'Initial', creationTime: preparationTime, preparationTime };
};

describe('the poke of a pod', () => {
  let api: ObjectApi;
  let pod: Pod;
  beforeEach(async () => {
    api = new MemoryApiServer({ clock: systemClock }).api();
    pod = await api.create(pods, { metadata: ref });
  });

  it('changes the pod once for a key that was made after it', async () => {
    const key = madeAt('2099-01-01T00:00:00Z');
    await pokeForKey({ api }, pod, key, signal);
    const poked = await api.get(pods, ref);
    expect(poked.metadata.annotations).toEqual({ 'noisefleet.dev/keys-changed-at': key.preparationTime });

    await pokeForKey({ api }, poked, key, signal);
    expect((await api.get(pods, ref)).metadata.resourceVersion).toBe(poked.metadata.resourceVersion);
  });

  it('leaves a pod alone that was made with the key, and one that is gone', async () => {
    await pokeForKey({ api }, pod, madeAt('2020-01-01T00:00:00Z'), signal);
    expect(await api.get(pods, ref)).toEqual(pod);

    await api.delete(pods, ref);
    await pokeForKey({ api }, pod, madeAt('2099-01-01T00:00:00Z'), signal);
    expect(await api.find(pods, ref)).toBeUndefined();
  });
});
