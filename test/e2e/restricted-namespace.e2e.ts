import { describe, expect, it } from 'vitest';
import { baseImage, useNamespace } from './cluster-fixture.ts';
import { sleeper } from './pods.ts';

describe('a namespace that enforces Pod Security restricted', () => {
  const namespace = useNamespace('restricted');

  it('runs a Pod that asks for nothing, to Ready, as a user that is not root', async () => {
    await namespace.kubectl.apply(sleeper('modest', baseImage()));
    await namespace.kubectl.wait('pod/modest', 'condition=Ready', 60);

    const user = await namespace.kubectl.run(['exec', 'modest', '--', 'id', '-u']);
    expect(user.trim()).toBe('1000');
    await namespace.kubectl.run(['delete', 'pod', 'modest'], { seconds: 60 });
  });

  it('refuses a Pod that wants to be privileged', async () => {
    const greedy = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'greedy' },
      spec: { containers: [{ name: 'main', image: baseImage(), securityContext: { privileged: true } }] },
    };
    await expect(namespace.kubectl.apply(greedy)).rejects.toThrow(
      /violates PodSecurity "restricted:latest": privileged/,
    );
  });
});
