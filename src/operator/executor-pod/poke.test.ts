import { beforeEach, describe, expect, it } from 'vitest';
import { type ObjectApi, type Pod, pods } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { pokePod } from './poke.ts';

const ref = { namespace: 'team-a', name: 'build-1' };

describe('the poke of a pod', () => {
  let api: ObjectApi;
  let pod: Pod;
  beforeEach(async () => {
    api = new MemoryApiServer({ clock: systemClock }).api();
    pod = await api.create(pods, { metadata: ref });
  });

  it('changes the pod once for a value', async () => {
    await pokePod({ api }, pod, 'k1,k2 +0s');
    const poked = await api.get(pods, ref);
    expect(poked.metadata.annotations).toEqual({ 'noisefleet.dev/keys-changed-at': 'k1,k2 +0s' });
    await pokePod({ api }, poked, 'k1,k2 +0s');
    expect((await api.get(pods, ref)).metadata.resourceVersion).toBe(poked.metadata.resourceVersion);
  });

  it('leaves alone one that is gone, and another one of its name', async () => {
    await api.delete(pods, ref);
    await pokePod({ api }, pod, 'k1 +0s');
    expect(await api.find(pods, ref)).toBeUndefined();
    const another = await api.create(pods, { metadata: ref });
    await pokePod({ api }, pod, 'k1 +0s');
    expect(await api.get(pods, ref)).toEqual(another);
  });
});
