import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keySecretName } from '../../src/keys/index.ts';
import { deployments, events, type Pod, secrets } from '../../src/kube/index.ts';
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

beforeAll(async () => {
  guided = await GuidedBao.start();
  ({ bao } = guided);
});
afterAll(async () => {
  await guided?.close();
});
beforeEach(async () => {
  for (const id of await bao.list(path)) await bao.must('DELETE', `${path}${id}`);
  cluster = new OperatorFixture();
});
afterEach(() => cluster.stop());

const vault = () => ({ ...guided.settings(), timeout: 2_000 });
const keys = async () => (await cluster.executor()).status.keys;
const become = (expected: string) => cluster.keysBecome(expected);
const inVault = async () => (await bao.list(path)).sort().join();
const restart = async (more: Parameters<OperatorFixture['start']>[0]) => {
  await cluster.stop();
  await cluster.start(more);
};
/** Notes of the events with this reason. */
const told = async (reason: string) => {
  const all = await cluster.all(events, 'team-a');
  return all.filter((event) => event.reason === reason).map(({ note }) => note ?? '');
};

/** An executor whose first key is active, with an operator that keeps keys there. */
async function active(more: Parameters<OperatorFixture['start']>[0], spec: object = {}): Promise<Pod> {
  await cluster.start(more);
  await cluster.applyRelay({ allowedNamespaces: { from: 'All' } });
  await cluster.eventually('both Deployments', async () => (await cluster.all(deployments, 'agents')).length === 2);
  await cluster.rollOut();
  await cluster.startRegistry();
  await cluster.applyExecutor(spec);
  const pod = await cluster.fence();
  await cluster.run(pod);
  await cluster.serveKeys(pod, 'k1');
  await become('k1 Active');
  return pod;
}

async function rotate(pod: Pod): Promise<void> {
  const annotations = { 'noisefleet.dev/rotate-requested-at': 'one' };
  await cluster.api.patch(executors, ref, { type: 'merge', body: { metadata: { annotations } } });
  await become('k1 Active, k2 Prepared');
  await cluster.serveKeys(pod, 'k1', 'k2');
  await become('k1 Retiring, k2 Active');
}

describe('an executor whose keys lay in its Secret alone', () => {
  it('keeps them when the operator gets a Vault: they are taken over, and nothing rotates', async () => {
    await active({});
    const [before] = await keys();
    await restart({ vault: vault() });
    await cluster.eventually('k1 in OpenBao', async () => (await inVault()) === 'k1');
    const [note] = await cluster.eventually('an event', async () => {
      const notes = await told('KeyStored');
      return notes.length > 0 && notes;
    });
    expect(note).toContain('put there from the Secret');
    expect(await keys()).toMatchObject([{ id: 'k1', state: 'Active', fingerprint: before?.fingerprint }]);
    expect(await told('KeyRotationStarted')).toEqual([]);
  });
});

describe('a Secret that somebody changes', () => {
  it('is restored from OpenBao with an event, and no key is made for it', async () => {
    await active({ vault: vault() });
    const { data } = await cluster.api.get(secrets, secretRef);
    await cluster.api.delete(secrets, secretRef);
    await cluster.eventually('the event', async () => (await told('KeyRestored')).length > 0);
    expect((await cluster.api.get(secrets, secretRef)).data).toEqual(data);

    const body = { data: { 'k1.json': Buffer.from('not a key').toString('base64') } };
    await cluster.api.patch(secrets, secretRef, { type: 'merge', body });
    await cluster.eventually('the other event', async () => (await told('ForeignKeyRemoved')).length > 0);
    await cluster.eventually('the Secret as it was', async () => {
      const secret = await cluster.api.find(secrets, secretRef);
      return secret?.data?.['k1.json'] === data?.['k1.json'];
    });
    expect(await cluster.keyStates()).toBe('k1 Active');
    expect(await told('KeyRotationStarted')).toEqual([]);
  });
});

describe('OpenBao restored from a backup that is older than a rotation', () => {
  it('gets the newer key back from the Secret, and an event says what to look at', async () => {
    const pod = await active({ vault: vault() }, { keys: { rotation: { overlap: '1h' } } });
    const restore = await bao.backUp();
    await rotate(pod);
    const [, second] = await keys();
    await cluster.stop();
    await restore();
    expect(await inVault()).toBe('k1');
    await cluster.start({ vault: vault() });
    await cluster.eventually('k2 in OpenBao', async () => (await inVault()) === 'k1,k2');
    const [note] = await cluster.eventually('the event', async () => {
      const notes = await told('KeyStoreRolledBack');
      return notes.length > 0 && notes;
    });
    expect(note).toContain('lacked k2');
    expect(note).toContain('docs/guides/vault.md');
    expect(await keys()).toMatchObject([
      { id: 'k1', state: 'Retiring' },
      { id: 'k2', state: 'Active', fingerprint: second?.fingerprint },
    ]);
  });
});

describe('a deleted executor', () => {
  const gone = () =>
    cluster.eventually('the end of the executor', async () => (await cluster.api.find(executors, ref)) === undefined);

  it('takes its keys out of OpenBao before it goes', async () => {
    await active({ vault: vault() });
    await cluster.api.delete(executors, ref);
    await gone();
    expect(await inVault()).toBe('');
  });

  it('leaves them there, done with, when its policy is Retain', async () => {
    await active({ vault: vault() }, { keys: { deletionPolicy: 'Retain' } });
    await cluster.api.delete(executors, ref);
    await gone();
    expect(await inVault()).toBe('k1');
    const body = await bao.must('GET', `${path}k1`);
    expect(JSON.stringify(body)).toContain('"state":"Retained"');
  });

  it('waits while OpenBao is sealed, says why and how to get out, and goes when it is back', async () => {
    await active({ vault: vault() });
    await bao.seal();
    await cluster.api.delete(executors, ref);
    const { message } = await cluster.eventually('the condition', async () => {
      const { status } = await cluster.executor();
      return status.conditions.find(({ type, message: said }) => type === 'Ready' && said.includes('sealed'));
    });
    expect(message).toContain('kubectl patch executor build -n team-a');
    await bao.unseal();
    // Nothing tells the operator that it is back: it looks again, within half a minute.
    await expect.poll(() => cluster.api.find(executors, ref), { timeout: 60_000 }).toBeUndefined();
    expect(await inVault()).toBe('');
  }, 90_000);

  it('goes at once when the operator has no Vault any more, and an event says that keys may be left', async () => {
    await active({ vault: vault() });
    await restart({});
    await cluster.api.delete(executors, ref);
    await gone();
    const [note] = await cluster.eventually('the event', async () => {
      const notes = await told('KeysLeftBehind');
      return notes.length > 0 && notes;
    });
    expect(note).toContain('k1');
  });
});
