import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keySecretName } from '../keys/index.ts';
import { deployments, type Pod, secrets } from '../kube/index.ts';
import { parseEnvironmentId, parseFingerprint, parseIncarnation } from '../wire/index.ts';
import { executors } from './own-kinds.ts';
import { OperatorFixture } from './testing/fixture.ts';

let cluster: OperatorFixture;
let pod: Pod;
let k1: string;

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
  k1 = (await cluster.executor()).status.keys[0]?.fingerprint ?? '';
});
afterEach(() => cluster.stop());

const become = (expected: string) => cluster.keysBecome(expected);
const serve = (...ids: string[]) => cluster.serveKeys(pod, ...ids);

/** The registry refuses k1, and these have said that they enforce it. */
function enforced(acknowledgements: readonly { by: string; incarnation?: string }[]): void {
  const environmentId = parseEnvironmentId('team-a_build');
  const fingerprint = parseFingerprint(k1);
  const acknowledged = acknowledgements.map(({ by, incarnation }) => ({
    ...{ by, time: 1 },
    ...(incarnation !== undefined && { incarnation: parseIncarnation(incarnation) }),
  }));
  const deny = { id: 'deny-1', environmentId, match: { fingerprint }, reason: 'revoked', since: 1, until: 2 } as const;
  cluster.registry.report('team-a_build', {
    ...{ incarnation: parseIncarnation(pod.metadata.uid), revoked: [fingerprint] },
    denies: [{ ...deny, acknowledgements: acknowledged }],
  });
}

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

  it('calls a revocation complete when registry and sidecar say so, and names the relay that has not, until it has', async () => {
    await become('k1 Active');
    for (const name of ['relay-1', 'relay-2']) await cluster.startRelayPod(name);
    await annotate({ 'noisefleet.dev/revoke-requested-key': 'k1' });
    await become('k1 Revoked, k2 Prepared');
    const cut = async () => (await cluster.executor()).status.keys[0]?.cut;
    const parties = ['registry registry-1', 'relay relay-1', 'relay relay-2', 'sidecar of team-a_build'];

    enforced([]);
    await cluster.eventually(
      'nobody to have cut',
      async () => (await cut())?.missing.join() === parties.slice(1).join(),
    );
    expect(await cut()).not.toHaveProperty('completionTime');
    enforced([{ by: 'sidecar of team-a_build', incarnation: 'uid-of-another-pod' }, { by: 'relay relay-2' }]);
    await cluster.eventually('one relay to have cut', async () => (await cut())?.acknowledged === 2);
    expect(await cut()).not.toHaveProperty('completionTime');
    enforced([{ by: 'sidecar of team-a_build', incarnation: pod.metadata.uid }, { by: 'relay relay-2' }]);
    await cluster.eventually('it to be complete', async () => (await cut())?.completionTime !== undefined);
    expect(await cut()).toMatchObject({ acknowledged: 3, expected: 4, missing: ['relay relay-1'] });

    enforced([{ by: 'relay relay-1' }]);
    await cluster.eventually('the last to have cut', async () => (await cut())?.missing.length === 0);
    expect(await cut()).toMatchObject({ acknowledged: 4, expected: 4 });
  });
});
