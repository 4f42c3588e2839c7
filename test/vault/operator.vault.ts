import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keySecretName } from '../../src/keys/index.ts';
import { deployments, type Pod, secrets } from '../../src/kube/index.ts';
import { executors } from '../../src/operator/own-kinds.ts';
import { OperatorFixture } from '../../src/operator/testing/fixture.ts';
import type { Bao } from './bao.ts';
import { GuidedBao } from './guided-bao.ts';

const ref = { namespace: 'team-a', name: 'build' };
const secretRef = { namespace: 'team-a', name: keySecretName(ref) };
const path = 'kv/metadata/production/team-a/build/';

let guided: GuidedBao;
let bao: Bao;
let cluster: OperatorFixture;
let pod: Pod;

beforeAll(async () => {
  guided = await GuidedBao.start();
  ({ bao } = guided);
});
afterAll(async () => {
  await guided?.close();
});

const start = () => cluster.start({ vault: { ...guided.settings(), timeout: 2_000 } });

/** The operator with its keys in OpenBao, and an executor whose first key is active. */
beforeEach(async () => {
  for (const id of await bao.list(path)) await bao.must('DELETE', `${path}${id}`);
  cluster = new OperatorFixture();
  await start();
  await cluster.applyRelay({ allowedNamespaces: { from: 'All' } });
  await cluster.eventually('both Deployments', async () => (await cluster.all(deployments, 'agents')).length === 2);
  await cluster.rollOut();
  await cluster.startRegistry();
  await cluster.applyExecutor({ keys: { rotation: { overlap: '0s' } } });
  pod = await cluster.fence();
  await cluster.run(pod);
  await serve('k1');
  await become('k1 Active');
});
afterEach(() => cluster.stop());

const become = (expected: string) => cluster.keysBecome(expected);
const serve = (...ids: string[]) => cluster.serveKeys(pod, ...ids);
const inSecret = async () => Object.keys((await cluster.api.find(secrets, secretRef))?.data ?? {}).sort();
const inVault = async () => (await bao.list(path)).sort();

async function rotate(value: string): Promise<void> {
  const annotations = { 'noisefleet.dev/rotate-requested-at': value };
  await cluster.api.patch(executors, ref, { type: 'merge', body: { metadata: { annotations } } });
}

describe('the operator with its keys in OpenBao', () => {
  it('changes a key there and in the Secret, and destroys the one before in both', async () => {
    await rotate('one');
    await become('k1 Active, k2 Prepared');
    await cluster.eventually('both in the Secret', async () => (await inSecret()).length === 2);
    expect(await inVault()).toEqual(['k1', 'k2']);
    await serve('k1', 'k2');
    await become('k2 Active');
    await cluster.eventually('k1 to be gone', async () => (await inVault()).join() === 'k2');
    expect(await inSecret()).toEqual(['k2.json']);
  });

  it('puts back what somebody took out of the Secret, and makes no new key', async () => {
    const before = (await cluster.api.get(secrets, secretRef)).data;
    await cluster.api.delete(secrets, secretRef);
    await cluster.eventually('the Secret', async () => (await inSecret()).length === 1);
    expect((await cluster.api.get(secrets, secretRef)).data).toEqual(before);
    expect(await cluster.keyStates()).toBe('k1 Active');
  });

  it('comes up with the same key in a new cluster in front of the same OpenBao', async () => {
    const [before] = (await cluster.executor()).status.keys;
    await cluster.stop();
    cluster = new OperatorFixture();
    await start();
    await cluster.applyRelay({ allowedNamespaces: { from: 'All' } });
    await cluster.applyExecutor();
    await become('k1 Prepared');
    expect((await cluster.executor()).status.keys[0]?.fingerprint).toBe(before?.fingerprint);
    expect(await inVault()).toEqual(['k1']);
  });
});
