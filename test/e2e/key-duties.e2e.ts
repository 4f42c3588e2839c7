import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useAgents } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { Keeper } from './duties/keeper.ts';
import { until } from './isolation/until.ts';
import { Kubectl } from './kubectl.ts';
import { RELEASE, useProduct } from './product.ts';

/** Images are there; what takes time is the machine. */
const READY_SECONDS = 120;
const ROTATION_SECONDS = 60;

const key = z.looseObject({ id: z.string(), state: z.string() });
const executor = z.looseObject({
  status: z.looseObject({
    keys: z.array(key),
    formerKeys: z.array(key).default([]),
    handledRotationRequests: z.array(z.string()).default([]),
  }),
});

const MANIFEST = {
  ...{ apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor' },
  metadata: { name: 'build', labels: { tier: 'ci' }, annotations: { 'noisefleet.dev/rotate-requested-at': 'one' } },
  spec: { relayRef: { name: 'main' }, keys: { rotation: { overlap: '0s' } } },
};

describe('keys and who may change them', () => {
  const { name: namespace, kubectl } = useAgents('duties', {}, () => useProduct({ 'operator.replicas': '1' }));
  const operator = new Kubectl(cluster(), RELEASE);
  let rotator: Keeper;
  let revoker: Keeper;

  beforeAll(async () => {
    rotator = await Keeper.of(kubectl, namespace, 'rotator', 'noisefleet-key-rotator');
    revoker = await Keeper.of(kubectl, namespace, 'revoker', 'noisefleet-key-revoker');
    const { annotations: _, ...metadata } = MANIFEST.metadata;
    await kubectl.apply({ ...MANIFEST, metadata });
    await kubectl.wait('executor/build', 'condition=Ready', READY_SECONDS);
    await serving('k1');
  }, READY_SECONDS * 2_000);
  afterAll(() => {
    rotator?.remove();
    revoker?.remove();
  });

  const statusIs = (path: string, value: string) =>
    kubectl.wait('executor/build', `jsonpath={.status.${path}}=${value}`, ROTATION_SECONDS);
  const serving = (id: string) => statusIs(`keys[?(@.state=="Active")].id`, id);
  const status = async () => executor.parse(await kubectl.get('executor', 'build')).status;
  const keyOf = async (id: string) => {
    const { keys, formerKeys } = await status();
    return [...keys, ...formerKeys].find((each) => each.id === id);
  };

  const stopOperator = async () => {
    await operator.run(['scale', 'deployment/noisefleet-operator', '--replicas=0']);
    const pods = ['wait', 'pod', '-l', 'app.kubernetes.io/component=operator', '--for=delete', '--timeout=60s'];
    await operator.run(pods, { seconds: 90 });
  };
  const startOperator = () => operator.run(['scale', 'deployment/noisefleet-operator', '--replicas=1']);

  it('an annotation of somebody who has only the role of a rotator is one rotation, and history proves who it was', async () => {
    await rotator.annotate('build', {
      'rotate-requested-at': 'one',
      'requested-by': rotator.user,
      'request-reason': 'CHG-1',
    });
    await serving('k2');
    expect(await keyOf('k2')).toMatchObject({
      ...{ trigger: 'Annotation', requestedBy: rotator.user, requester: 'Verified', reason: 'CHG-1' },
    });
  });

  it('values that replace each other before a rotation begins are one rotation', async () => {
    await stopOperator();
    await rotator.annotate('build', { 'rotate-requested-at': 'two', 'requested-by': undefined });
    await rotator.annotate('build', { 'rotate-requested-at': 'three', 'request-reason': undefined });
    await rotator.annotate('build', { 'rotate-requested-at': 'four' });
    await startOperator();
    await serving('k3');
    expect((await status()).handledRotationRequests).toEqual(['four', 'one']);
    expect(await keyOf('k3')).not.toHaveProperty('requestedBy');
  });

  it('a value that is set during a rotation is exactly one more', async () => {
    await rotator.annotate('build', { 'rotate-requested-at': 'five' });
    await statusIs('handledRotationRequests[0]', 'five');
    await rotator.annotate('build', { 'rotate-requested-at': 'six' });
    await serving('k5');
    expect((await status()).handledRotationRequests).toEqual(['six', 'five', 'four', 'one']);
  });

  it('the same value, its removal, and a manifest of before ask for nothing', async () => {
    await rotator.annotate('build', { 'rotate-requested-at': 'six' });
    await rotator.annotate('build', { 'rotate-requested-at': undefined });
    // Whoever applies manifests did not ask for what is in them, and is not kept from putting it back.
    await kubectl.apply(MANIFEST);
    await rotator.annotate('build', { 'rotate-requested-at': 'seven', 'requested-by': rotator.user });
    await serving('k6');
    await kubectl.run(['annotate', '--overwrite', 'executor', 'build', 'noisefleet.dev/rotate-requested-at=one']);
    await rotator.annotate('build', { 'rotate-requested-at': 'eight', 'requested-by': rotator.user });
    await serving('k7');
    expect((await status()).handledRotationRequests).toEqual(['eight', 'seven', 'six', 'five', 'four', 'one']);
  });

  const merge = (patch: object) => ['patch', 'executor', 'build', '--type=merge', '-p', JSON.stringify(patch)];
  const note = (annotations: object) => merge({ metadata: { annotations } });

  it.each<[string, readonly string[], string]>([
    ['the spec', merge({ spec: { operatingMode: 'Suspended' } }), 'may not change spec'],
    ['how keys are rotated', merge({ spec: { keys: { rotation: { period: '720h' } } } }), 'may not change spec'],
    [
      'the spec beside a rotation',
      merge({ ...Object.assign(rotation('x'), { spec: { operatingMode: 'Suspended' } }) }),
      'may not change spec',
    ],
    ['labels', merge({ metadata: { labels: { tier: 'prod' } } }), 'may not change labels'],
    ['finalizers', merge({ metadata: { finalizers: ['example.com/mine'] } }), 'may not change labels, finalizers'],
    [
      'owners',
      merge({ metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }] } }),
      'may not change labels, finalizers and owners',
    ],
    ['other annotations', note({ 'example.com/mine': 'x' }), 'may change these annotations alone'],
    ['other annotations of ours', note({ 'noisefleet.dev/other': 'x' }), 'may change these annotations alone'],
    ['a revocation', note({ 'noisefleet.dev/revoke-requested-key': 'k7' }), 'needs the verb revoke on executors/keys'],
    ["somebody else's name", merge(rotation('x', 'security:boss')), 'names security:boss, and you are'],
    ['who asked for what is over', note({ 'noisefleet.dev/requested-by': null }), 'belong to a request'],
    ['why', note({ 'noisefleet.dev/request-reason': 'because' }), 'belong to a request'],
    [
      'the status',
      ['patch', 'executor', 'build', '--subresource=status', '--type=merge', '-p', '{"status":{"activeKeyID":"k1"}}'],
      'cannot patch resource "executors/status"',
    ],
    ['all of it', ['delete', 'executor', 'build'], 'cannot delete resource'],
    ['all of it by what deletes many', ['delete', 'executors', '--all'], 'cannot delete'],
    ['the scale of a relay', ['scale', 'relay/main', '--replicas=2'], 'cannot'],
    ['Secrets, which hold the keys', ['get', 'secrets'], 'cannot list resource "secrets"'],
    ['commands in pods', ['auth', 'can-i', 'create', 'pods/exec'], ''],
  ])('a rotator is refused %s', async (_what, args, said) => {
    expect(await rotator.refused(...args)).toContain(said);
  });

  it('a rotator is refused an executor that he would make, and to replace one that is there', async () => {
    const make = ['create', '-f', '-'];
    const input = JSON.stringify({ ...MANIFEST, metadata: { name: 'mine' } });
    await expect(rotator.kubectl.run(make, { input })).rejects.toThrow('cannot create resource "executors"');
    await expect(rotator.kubectl.run(['replace', '-f', '-'], { input: JSON.stringify(MANIFEST) })).rejects.toThrow(
      'cannot update resource "executors"',
    );
  });

  it('a revoker is refused a rotation, and an administrator the name of another', async () => {
    expect(await revoker.refused(...merge(rotation('x', revoker.user)))).toContain('needs the verb rotate');
    await expect(kubectl.run(merge(rotation('x', rotator.user)))).rejects.toThrow('and you are');
  });

  it('the command line rotates and waits, shows the history, and says which role is missing', async () => {
    const words = ['--wait', '--reason', 'quarterly, CHG-1042', '--request', 'CHG-1042'];
    const rotated = await rotator.noisefleet('rotate', '-l', 'tier=ci', ...words);
    expect(rotated).toMatchObject({ code: 0, stderr: '' });
    expect(rotated.stdout).toMatch(new RegExp(`^${namespace}/build   (k7 → )?k8 · .*serving new clients [0-9.]+ s`));

    const again = await rotator.noisefleet('rotate', '-l', 'tier=ci', ...words);
    expect(again).toMatchObject({ code: 0, stdout: '1 executor had got it before\n' });

    const { stdout } = await rotator.noisefleet('keys', 'history', 'build', '-o', 'wide');
    expect(stdout).toMatch(new RegExp(`^k8 +Active .* Command +${rotator.user} +quarterly, CHG-1042`, 'm'));

    const refused = await rotator.noisefleet('revoke', 'build', '--key', 'k8', '--reason', 'to see');
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('needs the verb revoke') });
    const who = await rotator.noisefleet('who-can', 'rotate', 'build');
    expect(who).toMatchObject({ code: 4, stderr: expect.stringContaining('cannot list resource') });
  });

  it('the command line revokes, and waits until nothing holds the key', async () => {
    const revoked = await revoker.noisefleet('revoke', 'build', 'k8', '--reason', 'laptop lost', '--wait');
    expect(revoked).toMatchObject({ code: 0, stderr: '' });
    expect(revoked.stdout).toMatch(/^k8 is revoked · refused by .* · gone from Secret, store and pod$/m);
    await serving('k9');
    expect(await keyOf('k8')).toMatchObject({ state: 'Revoked', reason: `${revoker.user}: laptop lost` });
    expect(await keyOf('k9')).toMatchObject({ trigger: 'Revocation' });
  });

  it('history proves nobody while the policy is not bound', async () => {
    await stopOperator();
    await kubectl.run(['delete', 'validatingadmissionpolicybinding', 'noisefleet-keys']);
    // Until the API server has noticed.
    const forge = () => kubectl.run(merge(rotation('nine', 'security:boss')));
    await until(
      () => forge().catch(() => undefined),
      (answer) => answer !== undefined,
    );
    await startOperator();
    await serving('k10');
    expect(await keyOf('k10')).toMatchObject({ requestedBy: 'security:boss', requester: 'Unverified' });
  });
});

function rotation(value: string, requestedBy?: string) {
  const annotations = {
    'noisefleet.dev/rotate-requested-at': value,
    ...(requestedBy !== undefined && { 'noisefleet.dev/requested-by': requestedBy }),
  };
  return { metadata: { annotations } };
}
