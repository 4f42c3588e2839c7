import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { events, secrets } from '../kube/index.ts';
import { type Fingerprint, parseIncarnation, parseRegistrationId } from '../wire/index.ts';
import { OperatorFixture } from './testing/fixture.ts';

let cluster: OperatorFixture;

beforeEach(async () => {
  cluster = new OperatorFixture();
  await cluster.start();
  await cluster.applyRelay({ allowedNamespaces: { from: 'All' } });
  await cluster.eventually('addresses', async () => (await cluster.relay()).status.addresses.length > 0);
  await cluster.startRegistry();
});
afterEach(() => cluster.stop());

const keyOf = (letter: string): Fingerprint => `SHA256:${letter.repeat(43)}` as Fingerprint;

describe('what registries tell the operator', () => {
  async function runningExecutor() {
    await cluster.applyExecutor();
    const pod = await cluster.fence();
    await cluster.run(pod);
    return { pod, incarnation: parseIncarnation(pod.metadata.uid) };
  }

  it('is shown as clients, and a pod with some is replaced when they have gone', async () => {
    const { pod, incarnation } = await runningExecutor();
    cluster.registry.report('team-a_build', { incarnation, sessions: 2 });
    await cluster.eventually('two clients', async () => (await cluster.executor()).status.sessions?.count === 2);

    await cluster.patchExecutor({ workspace: { type: 'Ephemeral', path: '/work' } });
    await cluster.condition('UpdatePending', 'SessionsRunning');
    expect((await cluster.executor()).status.pod?.uid).toBe(pod.metadata.uid);

    cluster.registry.report('team-a_build', { incarnation, sessions: 0 });
    await cluster.fence(pod.metadata.uid);
  });

  it('replaces nothing while it is not known', async () => {
    const { pod, incarnation } = await runningExecutor();
    cluster.registry.report('team-a_build', { incarnation });
    await cluster.patchExecutor({ workspace: { type: 'Ephemeral', path: '/work' } });
    await cluster.condition('UpdatePending', 'SessionsRunning');
    const { status } = await cluster.executor();
    expect([status.pod?.uid, status.sessions]).toEqual([pod.metadata.uid, undefined]);
  });

  it('survives the loss of a registry: what was known is shown until the next one speaks', async () => {
    const { incarnation } = await runningExecutor();
    cluster.registry.report('team-a_build', { incarnation, sessions: 1 });
    await cluster.eventually('a client', async () => (await cluster.executor()).status.sessions?.count === 1);
    cluster.registry.cut();
    cluster.registry.report('team-a_build', { incarnation, sessions: 3 });
    await cluster.eventually('three clients', async () => (await cluster.executor()).status.sessions?.count === 3);
  });
});

describe('an External executor', () => {
  const external = (settings: object = {}) => ({ runtime: { type: 'External', external: settings } });
  const registration = (letter: string) => ({
    registrationId: parseRegistrationId(letter),
    fingerprint: keyOf(letter),
    incarnation: parseIncarnation(keyOf(letter)),
    firstRegistrationTime: 1_800_000_000,
    relays: 1,
  });
  const tokens = async () => (await cluster.executor()).status.external?.registrationTokens ?? [];

  it('gets a registration token of which status has only the hash, and waits for a host', async () => {
    await cluster.applyExecutor(external());
    const { message } = await cluster.condition('Ready', 'WaitingForHost');
    const { status } = await cluster.executor();
    const [secret] = await cluster.all(secrets, 'team-a');
    expect(secret?.metadata.name).toBe(status.external?.registrationTokenSecretName);
    expect(message).toContain(`Secret ${secret?.metadata.name}`);
    expect(status.external?.registrationTokens).toHaveLength(1);
    const token = Buffer.from(secret?.data?.token ?? '', 'base64').toString();
    expect(token.length).toBeGreaterThanOrEqual(32);
    expect(JSON.stringify(status)).not.toContain(token);
    expect(status.conditions.map(({ type }) => type).toSorted()).toEqual(['Accepted', 'Ready']);
  });

  it('takes two tokens while the generated one is changed by deleting it', async () => {
    await cluster.applyExecutor(external());
    await cluster.condition('Ready', 'WaitingForHost');
    const [before] = await tokens();
    const [secret] = await cluster.all(secrets, 'team-a');
    await cluster.api.delete(secrets, { namespace: 'team-a', name: secret?.metadata.name ?? '' });
    await cluster.eventually('two tokens', async () => (await tokens()).length === 2);
    expect((await tokens())[1]).toMatchObject({ sha256: before?.sha256, expirationTime: expect.any(String) });
  });

  it('waits for the Secret that the user named, and says so', async () => {
    await cluster.applyExecutor(external({ registrationTokenSecretRef: { name: 'mine' } }));
    await cluster.condition('Stalled', 'SecretNotFound');
    expect(await cluster.all(secrets, 'team-a')).toEqual([]);
  });

  it('shows the host that joined and tells each change of its key once', async () => {
    await cluster.applyExecutor(external());
    await cluster.condition('Ready', 'WaitingForHost');
    cluster.registry.report('team-a_build', { registrations: [registration('a')] });
    await cluster.condition('Ready', 'Registered');
    expect((await cluster.executor()).status.external).toMatchObject({
      fingerprint: keyOf('a'),
      registrationTime: '2027-01-15T08:00:00Z',
    });
    cluster.registry.report('team-a_build', { registrations: [] });
    await cluster.condition('Ready', 'WaitingForHost');
    cluster.registry.report('team-a_build', { registrations: [registration('b')] });
    const told = await cluster.eventually('both events', async () => {
      const notes = (await cluster.all(events, 'team-a')).filter(({ action }) => action === 'Join');
      return notes.length === 2 && notes;
    });
    expect(told.map(({ reason }) => reason).toSorted()).toEqual(['HostJoined', 'HostKeyChanged']);
  });

  it('takes no token while it is suspended', async () => {
    await cluster.applyExecutor(external());
    await cluster.condition('Ready', 'WaitingForHost');
    await cluster.patchExecutor({ operatingMode: 'Suspended' });
    await cluster.condition('Ready', 'Suspended');
    expect(await tokens()).toEqual([]);
  });
});
