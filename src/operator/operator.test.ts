import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configMaps,
  deployments,
  networkPolicies,
  persistentVolumeClaims,
  pods,
  secrets,
  services,
} from '../kube/index.ts';
import { childMetadata } from './children/child.ts';
import { executorNames, podName } from './executor-pod/names.ts';
import { executors } from './own-kinds.ts';
import { OperatorFixture } from './testing/fixture.ts';

let cluster: OperatorFixture;

beforeEach(async () => {
  cluster = new OperatorFixture();
  await cluster.start();
});
afterEach(() => cluster.stop());

async function readyRelay(spec: object = { allowedNamespaces: { from: 'All' } }): Promise<void> {
  await cluster.applyRelay(spec);
  await cluster.eventually('both Deployments', async () => (await cluster.all(deployments, 'agents')).length === 2);
  await cluster.rollOut();
  await cluster.eventually('the Relay to be ready', async () => {
    const { status } = await cluster.relay();
    return status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  });
}

async function readyExecutor(spec: object = {}) {
  await cluster.applyExecutor(spec);
  const pod = await cluster.fence();
  await cluster.run(pod);
  await cluster.condition('Ready', 'Registered');
  return pod;
}

describe('the operator', () => {
  it('brings a Relay from its manifest to ready, with addresses and certificates', async () => {
    await readyRelay();
    const { status } = await cluster.relay();
    expect(status.addresses).toMatchObject([{ type: 'Internal', caBundle: expect.stringContaining('BEGIN CERT') }]);
    expect(status.certificates).toHaveLength(2);
    expect(status.ticketKeys).toMatchObject([{ state: 'Active' }]);
    expect(await cluster.all(services, 'agents')).toHaveLength(3);
    expect(await cluster.all(secrets, 'agents')).toHaveLength(4);
  });

  it('brings an Executor from its manifest to ready: key, pod as the fence, registered', async () => {
    await readyRelay();
    const pod = await readyExecutor();
    const { status } = await cluster.executor();
    expect(status).toMatchObject({
      environmentID: 'team-a_build',
      relay: 'agents/main',
      activeKeyID: 'k1',
      pod: { name: pod.metadata.name, uid: pod.metadata.uid, attempt: 1 },
      observedGeneration: 1,
    });
    await cluster.eventually(
      'the key to be active',
      async () => (await cluster.executor()).status.keys[0]?.state === 'Active',
    );
    expect(await cluster.all(networkPolicies, 'team-a')).toHaveLength(1);
  });

  it('writes nothing once everything is as it should be', async () => {
    await readyRelay();
    await readyExecutor();
    await cluster.eventually(
      'the key to be active',
      async () => (await cluster.executor()).status.keys[0]?.state === 'Active',
    );
    await cluster.eventually('the Relay to count it', async () => (await cluster.relay()).status.executors === 1);
    const before = await cluster.executor();
    await cluster.stop();
    cluster.server.requests.length = 0;
    await cluster.start();
    await cluster.eventually('another look', async () =>
      cluster.server.requests.some((each) => each.includes('/secrets/')),
    );
    await cluster.stop();
    const written = cluster.server.requests.filter(
      (each) => !each.startsWith('GET') && !/leases|accessreviews|events/.test(each),
    );
    expect(written).toEqual([]);
    expect((await cluster.executor()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('waits for the Relay, and says so', async () => {
    await cluster.applyExecutor();
    const stalled = await cluster.condition('Stalled', 'RelayNotFound');
    expect(stalled.message).toContain('agents/main');
    await readyRelay({});
    const { message } = await cluster.condition('Stalled', 'RelayNotAllowed');
    expect(message).toContain('does not allow namespace team-a');
  });

  it('has no rights in a namespace until somebody gives them, and says how', async () => {
    cluster.enabled.delete('team-a');
    await readyRelay();
    await cluster.applyExecutor();
    const { message } = await cluster.condition('Stalled', 'NamespaceNotEnabled');
    expect(message).toContain('kubectl create rolebinding noisefleet -n team-a');
    expect(await cluster.all(pods, 'team-a')).toEqual([]);
  });

  it('follows a pod that failed by another under a new name, with the same key', async () => {
    await readyRelay();
    const first = await readyExecutor();
    await cluster.fail(first);
    const second = await cluster.fence(first.metadata.uid);
    expect(second.metadata.name).not.toBe(first.metadata.name);
    await cluster.run(second);
    await cluster.condition('Ready', 'Registered');
    const { status } = await cluster.executor();
    expect(status.pod).toMatchObject({ attempt: 2, failures: 1 });
    expect(status.keys.map(({ id }) => id)).toEqual(['k1']);
    await cluster.eventually('the first pod to go', async () => (await cluster.all(pods, 'team-a')).length === 1);
  });

  it('does not take on a pod that somebody made under its next name, with our labels and an owner reference', async () => {
    await cluster.applyExecutor();
    const { uid } = (await cluster.executor()).metadata;
    const owner = { kind: 'Executor', namespace: 'team-a', name: 'build', uid } as const;
    const name = podName(owner, 1);
    const forged = await cluster.api.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: childMetadata(owner, 'executor', name),
      ...{ spec: { containers: [{ name: 'workspace', image: 'mallory:1' }] } },
    });
    await readyRelay();
    const pod = await cluster.fence();
    expect(pod.metadata.uid).not.toBe(forged.metadata.uid);
    expect(pod.metadata.name).not.toBe(name);
    await cluster.eventually('the forged one to go', async () => (await cluster.all(pods, 'team-a')).length === 1);
  });

  it('takes the pod of a suspended executor away and keeps its key and its workspace', async () => {
    await readyRelay();
    const first = await readyExecutor({ workspace: { type: 'Persistent', persistent: { size: '1Gi' } } });
    await cluster.patchExecutor({ operatingMode: 'Suspended' });
    await cluster.condition('Ready', 'Suspended');
    await cluster.eventually('no pod', async () => (await cluster.all(pods, 'team-a')).length === 0);
    expect((await cluster.executor()).status.pod?.uid).toBeUndefined();
    expect(await cluster.all(persistentVolumeClaims, 'team-a')).toHaveLength(1);
    expect(await cluster.all(secrets, 'team-a')).toHaveLength(1);
    await cluster.patchExecutor({ operatingMode: 'Running' });
    const second = await cluster.fence(first.metadata.uid);
    expect(second.metadata.name).not.toBe(first.metadata.name);
    expect((await cluster.executor()).status.keys).toHaveLength(1);
  });

  it('brings back what somebody deletes or edits by hand', async () => {
    await readyRelay();
    await readyExecutor();
    const [policy] = await cluster.all(networkPolicies, 'team-a');
    const [bundle] = await cluster.all(configMaps, 'team-a');
    if (policy === undefined || bundle === undefined) throw new Error('no children');
    const at = (name: string) => ({ namespace: 'team-a', name });
    await cluster.api.delete(networkPolicies, at(policy.metadata.name));
    await cluster.api.patch(configMaps, at(bundle.metadata.name), {
      type: 'merge',
      body: { data: { 'ca.crt': 'of somebody else' } },
    });
    await cluster.eventually('the policy', async () => (await cluster.all(networkPolicies, 'team-a')).length === 1);
    await cluster.eventually('the bundle', async () => {
      const { data } = await cluster.api.get(configMaps, at(bundle.metadata.name));
      return data?.['ca.crt'] === bundle.data?.['ca.crt'];
    });
  });

  it('takes back a child whose owner somebody took out, but no pod', async () => {
    await readyRelay();
    const pod = await readyExecutor();
    const [policy] = await cluster.all(networkPolicies, 'team-a');
    if (policy === undefined) throw new Error('no policy');
    const body = { metadata: { ownerReferences: null } };
    await cluster.api.patch(networkPolicies, policy.metadata, { type: 'merge', body });
    await cluster.eventually('the owner', async () => {
      const { metadata } = await cluster.api.get(networkPolicies, policy.metadata);
      return metadata.ownerReferences?.[0]?.uid === policy.metadata.ownerReferences?.[0]?.uid;
    });
    await cluster.api.patch(pods, pod.metadata, { type: 'merge', body });
    await cluster.condition('Stalled', 'NotOwned');
  });

  it('makes nothing for an executor that is being deleted, and says so while something holds it', async () => {
    await readyRelay();
    await readyExecutor();
    const ref = { namespace: 'team-a', name: 'build' };
    const finalizers = ['example.org/hold'];
    await cluster.api.patch(executors, ref, { type: 'merge', body: { metadata: { finalizers } } });
    await cluster.api.delete(executors, ref);
    const { status } = await cluster.condition('Ready', 'Deleting');
    expect(status).toBe('Unknown');
    for (const { metadata } of await cluster.all(networkPolicies, 'team-a')) {
      await cluster.api.delete(networkPolicies, metadata);
    }
    await cluster.api.patch(executors, ref, { type: 'merge', body: { metadata: { finalizers: null } } });
    await cluster.eventually('nothing', async () => (await cluster.all(pods, 'team-a')).length === 0);
    expect(await cluster.all(networkPolicies, 'team-a')).toEqual([]);
  });

  it('leaves alone what has a name that it needs and is not its own', async () => {
    await cluster.api.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'team-a', name: executorNames({ name: 'build' }).bundle },
      ...{ data: { mine: 'yes' } },
    });
    await readyRelay();
    await cluster.applyExecutor();
    const { message } = await cluster.condition('Stalled', 'NotOwned');
    expect(message).toContain('kubectl delete configmap -n team-a');
    const [untouched] = await cluster.all(configMaps, 'team-a');
    expect(untouched?.data).toEqual({ mine: 'yes' });
    expect(await cluster.all(pods, 'team-a')).toEqual([]);
  });

  it('makes nothing twice when it is killed and started again and again', async () => {
    await readyRelay();
    await cluster.applyExecutor();
    for (let time = 0; time < 5; time++) {
      await cluster.stop();
      await cluster.start();
    }
    const pod = await cluster.fence();
    await cluster.run(pod);
    await cluster.condition('Ready', 'Registered');
    expect(await cluster.all(pods, 'team-a')).toHaveLength(1);
    expect((await cluster.executor()).status).toMatchObject({ pod: { attempt: 1 }, keys: [{ id: 'k1' }] });
  });
});
