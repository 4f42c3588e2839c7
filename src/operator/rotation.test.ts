import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keySecretName } from '../keys/index.ts';
import { deployments, type Pod, secrets } from '../kube/index.ts';
import { executors } from './own-kinds.ts';
import { OperatorFixture } from './testing/fixture.ts';

let cluster: OperatorFixture;
let pod: Pod;

beforeEach(async () => {
  cluster = new OperatorFixture();
  await cluster.start();
  await cluster.applyRelay({ allowedNamespaces: { from: 'All' } });
  await cluster.eventually('both Deployments', async () => (await cluster.all(deployments, 'agents')).length === 2);
  await cluster.rollOut();
  await cluster.startRegistry();
  await cluster.applyExecutor({ keys: { rotation: { overlap: '0s' } } });
  pod = await cluster.fence();
  await cluster.run(pod);
  await serve('k1');
});
afterEach(() => cluster.stop());

const become = (expected: string) => cluster.keysBecome(expected);
const serve = (...ids: string[]) => cluster.serveKeys(pod, ...ids);

async function annotate(annotations: Record<string, string | null>): Promise<void> {
  const ref = { namespace: 'team-a', name: 'build' };
  await cluster.api.patch(executors, ref, { type: 'merge', body: { metadata: { annotations } } });
}

async function secretKeys(): Promise<string[]> {
  const secret = await cluster.api.get(secrets, { namespace: 'team-a', name: keySecretName({ name: 'build' }) });
  return Object.keys(secret.data ?? {}).sort();
}

describe('the operator', () => {
  it('goes on with an executor whose only annotation is what kubectl apply leaves', async () => {
    await become('k1 Active');
    await annotate({ 'kubectl.kubernetes.io/last-applied-configuration': '{}' });
    await cluster.api.delete(secrets, { namespace: 'team-a', name: keySecretName({ name: 'build' }) });
    await become('k1 Revoked, k2 Prepared');
  });

  it('changes the key for a new annotation: the next one serves, the one before is retired and gone', async () => {
    await become('k1 Active');
    await annotate({ 'noisefleet.dev/rotate-requested-at': '2026-11-30T12:00:00Z' });
    await become('k1 Active, k2 Prepared');
    expect(await secretKeys()).toEqual(['k1.json', 'k2.json']);
    await cluster.condition('RotationDue', 'RotationInProgress');

    await serve('k1', 'k2');
    await become('k2 Active');
    const former = async () => (await cluster.executor()).status.formerKeys.map(({ id, state }) => `${id} ${state}`);
    await cluster.eventually('k1 to leave the Secret', async () => (await secretKeys()).join() === 'k2.json');
    expect(await former()).toEqual(['k1 Retired']);
    await serve('k2'); // k1 is out of its memory too
    await cluster.eventually('k1 to be gone', async () => (await former()).join() === 'k1 Destroyed');
    const { status } = await cluster.executor();
    expect(status).toMatchObject({
      activeKeyID: 'k2',
      handledRotationRequests: ['2026-11-30T12:00:00Z'],
      keys: [{ id: 'k2', trigger: 'Annotation', requester: 'Unverified' }],
    });
    expect(status.conditions.some(({ type }) => type === 'RotationDue')).toBe(false);
  });

  it('pokes the pod when the Secret was changed, and the same value again rotates nothing', async () => {
    await become('k1 Active');
    await annotate({ 'noisefleet.dev/rotate-requested-at': 'one' });
    await become('k1 Active, k2 Prepared');
    await cluster.eventually('a poke', async () => {
      const annotations = (await cluster.fence()).metadata.annotations ?? {};
      return annotations['noisefleet.dev/keys-changed-at']?.startsWith('k1,k2 ');
    });
    await serve('k1', 'k2');
    await become('k2 Active');
    await annotate({ 'noisefleet.dev/rotate-requested-at': null });
    await annotate({ 'noisefleet.dev/rotate-requested-at': 'one' });
    await annotate({ 'noisefleet.dev/rotate-requested-at': 'two' });
    await become('k2 Active, k3 Prepared');
    expect((await cluster.executor()).status.handledRotationRequests).toEqual(['two', 'one']);
  });

  it('revokes a key that is named, and makes another meanwhile', async () => {
    await become('k1 Active');
    await annotate({ 'noisefleet.dev/revoke-requested-key': 'k1', 'noisefleet.dev/request-reason': 'it leaked' });
    await become('k1 Revoked, k2 Prepared');
    await serve('k2');
    await become('k1 Revoked, k2 Active');
    const { status } = await cluster.executor();
    expect(status.keys[0]).toMatchObject({ reason: 'it leaked' });
  });
});
