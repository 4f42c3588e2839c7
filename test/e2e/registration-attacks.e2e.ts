import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { keySecretName } from '../../src/keys/index.ts';
import { decodeKeyFile, generateKeypair } from '../../src/noise/index.ts';
import { podName } from '../../src/operator/executor-pod/names.ts';
import { encodePublicKey, SECURITY_PROFILE } from '../../src/wire/index.ts';
import { noisefleetIn } from './client-pod.ts';
import { cluster, clusterCommand, useNamespace } from './cluster-fixture.ts';
import { ours, useFleet } from './isolation/fleet.ts';
import { forgedPod } from './isolation/forged-pod.ts';
import { probeIn } from './isolation/in-container.ts';
import { logOnNode, processesLike } from './isolation/machine.ts';
import { neighbour } from './isolation/pods.ts';
import { greedyTemplates } from './isolation/templates.ts';
import { podNameOf, serviceAccountOf, tokenOf } from './isolation/tokens.ts';
import { until } from './isolation/until.ts';
import { Kubectl, KubectlError } from './kubectl.ts';
import { RELEASE } from './product.ts';

type WirePublicKey = ReturnType<typeof encodePublicKey>;

const REFUSED = { status: 401, code: 'token_invalid' };
const NOT_ADMITTED = { status: 409, code: 'not_admitted_yet' };
/** A node, an image for it, an executor there, its loss and its return. Milliseconds. */
const PARTITION_MS = 300_000;

const answers = z.record(z.string(), z.object({ status: z.number(), code: z.string().optional() }));
const executor = z.looseObject({
  metadata: z.looseObject({ uid: z.string() }),
  status: z.looseObject({
    conditions: z.array(
      z.looseObject({ type: z.string(), status: z.string(), reason: z.string(), message: z.string().default('') }),
    ),
    pod: z.looseObject({ name: z.string(), uid: z.string().optional(), attempt: z.number() }).optional(),
  }),
});

describe('who wants to register and is not the executor', () => {
  const elsewhere = useNamespace('elsewhere');
  const fleet = useFleet();
  const { front, team } = fleet;

  const executorNow = async (name = 'build') => executor.parse(await team.kubectl.get('executor', name));
  const environment = () => `${fleet.address.registryURL}/cloud/environment/${team.name}_build`;
  const call = async (calls: readonly object[]) =>
    answers.parse(await probeIn(team.kubectl, 'neighbour', 'probe-http', { calls }));
  const register = async (bearer: string, executor_public_key: WirePublicKey) => {
    const body = { security_profile: SECURITY_PROFILE, executor_public_key };
    return (await call([{ name: 'it', url: `${environment()}/register`, method: 'POST', bearer, body }])).it;
  };
  /** As a thief has it who may read the Secret, or mount it. */
  const stolenKey = async () => {
    const text = ['get', 'secret', keySecretName({ name: 'build' }), '-o', 'jsonpath={.data.k1\\.json}'];
    return encodePublicKey(decodeKeyFile(Buffer.from(await team.kubectl.run(text), 'base64')).publicKey);
  };
  const tokenOfPod = (pod: string) =>
    tokenOf({ kubectl: team.kubectl, serviceAccount: 'default', pod }, 'noisefleet-registry');

  beforeAll(async () => {
    await team.kubectl.apply(neighbour('neighbour'));
    await elsewhere.kubectl.apply(neighbour('stranger'));
    await team.kubectl.wait('pod/neighbour', 'condition=Ready', 60);
  });

  it('is let in as the fenced pod with its own key, and as nothing else', async () => {
    const token = await tokenOfPod((await fleet.status()).pod.name);
    expect(await register(token, await stolenKey())).toEqual({ status: 200 });
    expect(await register(token, encodePublicKey(generateKeypair().publicKey))).toEqual(NOT_ADMITTED);
  });

  it('is refused with a copied key from another pod, whatever its labels and its ServiceAccount are', async () => {
    await team.kubectl.apply(forgedPod({ name: 'thief', executor: { name: 'build' } }));
    await team.kubectl.wait('pod/thief', 'condition=Ready', 60);
    const inThief = (file: string) => team.kubectl.run(['exec', 'thief', '--', 'cat', file]);
    const { publicKey } = decodeKeyFile(Buffer.from(await inThief('/keys/k1.json')));
    const key = encodePublicKey(publicKey);
    expect(key).toEqual(await stolenKey());

    expect(await register(await inThief('/token/token'), key)).toEqual(NOT_ADMITTED);
    const unbound = tokenOf({ kubectl: team.kubectl, serviceAccount: 'default' }, 'noisefleet-registry');
    expect(await register(await unbound, key)).toEqual(REFUSED);
    const stranger = { kubectl: elsewhere.kubectl, serviceAccount: 'default', pod: 'stranger' };
    expect(await register(await tokenOf(stranger, 'noisefleet-registry'), key)).toEqual(REFUSED);

    expect((await fleet.exec(['cat', '/etc/hostname'])).trim()).toBe((await fleet.status()).pod.name);
  });

  it('is refused with a good token on every call that it was not made for', async () => {
    const relayPod = await podNameOf(front.kubectl, 'app.kubernetes.io/component=relay');
    const relayAccount = await serviceAccountOf(front.kubectl, relayPod);
    const operator = { kubectl: new Kubectl(cluster(), RELEASE), serviceAccount: 'noisefleet-operator' };
    const relay = { kubectl: front.kubectl, serviceAccount: relayAccount, pod: relayPod };
    const tokens = {
      registry: await tokenOfPod((await fleet.status()).pod.name),
      connect: await tokenOf({ kubectl: team.kubectl, serviceAccount: 'dev' }, 'noisefleet-connect'),
      presence: await tokenOf(relay, 'noisefleet-presence'),
      internal: await tokenOf(operator, 'noisefleet-internal'),
      'the API': await tokenOf(operator, 'https://kubernetes.default.svc.cluster.local'),
    };
    const { registryURL } = fleet.address;
    const own = `${registryURL}/internal/v1`;
    const post = (name: string) => ({ name, url: `${environment()}/${name}`, method: 'POST', body: {} });
    const calls = [
      { ...post('register'), wants: 'registry' },
      { ...post('validate'), wants: 'registry' },
      { name: 'watch', url: `${own}/watch/${team.name}_build`, upgrade: true, wants: 'registry' },
      { ...post('connect'), wants: 'connect' },
      { name: 'presence', url: `${own}/presence`, upgrade: true, wants: 'presence' },
      { name: 'internal', url: `${own}/environments`, wants: 'internal' },
    ];
    const matrix = calls.flatMap(({ wants, ...each }) =>
      Object.entries(tokens).map(([audience, bearer]) => ({
        good: audience === wants,
        asked: { ...each, name: `${each.name} with a token for ${audience}`, bearer },
      })),
    );
    const said = await call(matrix.map(({ asked }) => asked));
    const taken = Object.entries(said).filter(([, { status }]) => status !== 401 && status !== 403);
    const meant = matrix.filter(({ good }) => good).map(({ asked }) => asked.name);
    expect(taken.map(([name]) => name).sort()).toEqual(meant.sort());
  });

  it('is refused as a relay or as the operator from a pod that is neither', async () => {
    const relayPod = await podNameOf(front.kubectl, 'app.kubernetes.io/component=relay');
    const relayAccount = await serviceAccountOf(front.kubectl, relayPod);
    const labelled = neighbour('labelled');
    const { labels } = labelled.metadata;
    const relayLabels = { 'noisefleet.dev/relay': 'main', 'app.kubernetes.io/component': 'relay' };
    await front.kubectl.apply(
      { ...labelled, metadata: { ...labelled.metadata, labels: { ...labels, ...relayLabels } } },
      neighbour('unlabelled', relayAccount),
    );
    const presence = (serviceAccount: string, pod?: string) =>
      tokenOf({ kubectl: front.kubectl, serviceAccount, ...(pod && { pod }) }, 'noisefleet-presence');
    const internal = (kubectl: Kubectl, serviceAccount: string) =>
      tokenOf({ kubectl, serviceAccount }, 'noisefleet-internal');
    const own = `${fleet.address.registryURL}/internal/v1`;
    const asRelay = { url: `${own}/presence`, upgrade: true };
    const asOperator = { url: `${own}/environments` };
    const calls = [
      { ...asRelay, name: 'labels of a relay', bearer: await presence('default', 'labelled') },
      { ...asRelay, name: 'ServiceAccount of relays', bearer: await presence(relayAccount, 'unlabelled') },
      { ...asRelay, name: 'no pod', bearer: await presence(relayAccount) },
      { ...asOperator, name: 'registry', bearer: await internal(front.kubectl, 'noisefleet-registry') },
      {
        ...asOperator,
        name: 'beside the operator',
        bearer: await internal(new Kubectl(cluster(), RELEASE), 'default'),
      },
    ];
    const said = await call(calls);
    for (const { name } of calls) expect({ name, ...said[name] }).toEqual({ name, ...REFUSED });
    await front.kubectl.run(['delete', 'pod', 'labelled', 'unlabelled', '--wait=false']);
  });

  it('gets no pod made from a template that reaches for keys, tokens or identities of ours', async () => {
    const greedy = greedyTemplates().map((each, index) => ({ ...each, name: `greedy-${index}` }));
    const apply = async ({ name, template, wants, told }: (typeof greedy)[number]) => {
      const spec = { relayRef: { name: 'main', namespace: front.name }, template };
      try {
        await team.kubectl.apply(ours('Executor', name, spec));
      } catch (error) {
        if (!(error instanceof KubectlError)) throw error;
        expect({ wants, said: error.stderr }).toEqual({ wants, said: expect.stringMatching(told) });
        return;
      }
      await team.kubectl.wait(`executor/${name}`, 'condition=Stalled', 60);
      const { conditions } = (await executorNow(name)).status;
      const said = conditions.find(({ type }) => type === 'Stalled')?.message;
      expect({ wants, said }).toEqual({ wants, said: expect.stringMatching(told) });
    };
    for (const each of greedy) await apply(each);
    const made = ['get', 'pods', '-l', 'noisefleet.dev/executor', '-o', 'jsonpath={.items[*].metadata.labels}'];
    expect(await team.kubectl.run(made)).not.toContain('greedy');
    await team.kubectl.run(['delete', 'executor', ...greedy.map(({ name }) => name), '--ignore-not-found']);
  });

  it('does not become the executor by a pod made beforehand under its next name, while it is replaced', async () => {
    const { metadata, status } = await executorNow();
    const before = status.pod;
    if (before?.uid === undefined) throw new Error('a Ready executor has a pod');
    const key = await stolenKey();
    const name = podName({ name: 'build', uid: metadata.uid }, before.attempt + 1);
    await team.kubectl.apply(forgedPod({ name, executor: { name: 'build', uid: metadata.uid } }));
    const tokens = [await tokenOfPod(name), await tokenOfPod(before.name)];

    await team.kubectl.run(['delete', 'pod', before.name, '--wait=false']);
    const tried: unknown[] = [];
    const after = await until(
      async () => {
        for (const token of tokens) tried.push((await register(token, key))?.status);
        return executorNow();
      },
      ({ status: { conditions, pod } }) =>
        pod?.uid !== undefined &&
        pod.uid !== before.uid &&
        conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    );

    expect(after.status.pod?.name).not.toBe(name);
    // Until the old pod is no longer the fence it may refresh its registration; the forged one never may.
    expect(tried.filter((_, index) => index % 2 === 0)).not.toContain(200);
    expect((await register(tokens[1] ?? '', key))?.status).not.toBe(200);
    expect((await fleet.exec(['cat', '/etc/hostname'])).trim()).toBe(after.status.pod?.name);
    const release = ['patch', 'pod', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}'];
    await team.kubectl.run(release);
    await team.kubectl.wait(`pod/${name}`, 'delete', 60);
  });

  describe('on a node that was away', () => {
    const marker = `partition-${randomBytes(6).toString('hex')}`;
    const onFar = (...command: string[]) =>
      noisefleetIn(team.kubectl, 'client', fleet.address, ['exec', `${team.name}/far`, '--', ...command]);

    beforeAll(async () => {
      await clusterCommand('node', 'add', '2');
      await team.kubectl.run(['cordon', 'node1']);
      await team.kubectl.apply(ours('Executor', 'far', { relayRef: { name: 'main', namespace: front.name } }));
      await team.kubectl.wait('executor/far', 'condition=Ready', 120);
      await team.kubectl.run(['uncordon', 'node1']);
      await team.kubectl.run(['cordon', 'node2']);
    }, PARTITION_MS);
    afterAll(async () => {
      await team.kubectl.run(['uncordon', 'node1']);
      await clusterCommand('node', 'remove', '2');
    }, PARTITION_MS);

    it(
      'is told that it was replaced, ends its commands and stops',
      async () => {
        const old = (await executorNow('far')).status.pod;
        const sidecars = new RegExp(`main.js executor --environment-id ${team.name}_far `);
        const commands = new RegExp(`^sh -c : ${marker};`);
        const [sidecar] = processesLike(sidecars);
        if (old === undefined || sidecar === undefined) throw new Error('a Ready executor has a pod with a sidecar');
        const ended = onFar('sh', '-c', `: ${marker}; while :; do sleep 1; done`).catch(() => 'ended');
        await until(
          async () => processesLike(commands).length,
          (count) => count > 0,
        );

        // The node goes on alone. Its kubelet stays away also afterwards, so that whatever ends there ends by itself.
        await clusterCommand('node', 'cut', '2');
        await clusterCommand('daemon', 'kill', 'kubelet', 'node2');
        await team.kubectl.run(['delete', 'pod', old.name, '--wait=false']);
        await until(
          () => executorNow('far'),
          ({ status: { pod, conditions } }) =>
            pod?.uid !== undefined &&
            pod.uid !== old.uid &&
            conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
          120_000,
        );
        const there = (await executorNow('far')).status.pod;
        expect((await onFar('cat', '/etc/hostname')).trim()).toBe(there?.name);
        expect(processesLike(commands)).not.toEqual([]);
        expect(processesLike(sidecars)).toContain(sidecar);

        await clusterCommand('node', 'heal', '2');
        await until(
          async () => processesLike(sidecars).includes(sidecar),
          (alive) => !alive,
          120_000,
        );
        expect(processesLike(commands)).toEqual([]);
        const place = { namespace: team.name, pod: old.name, container: 'noisefleet-sidecar' };
        expect(logOnNode('node2', place)).toMatch(/"code":"superseded"[^\n]*another incarnation took our place/);
        expect((await onFar('cat', '/etc/hostname')).trim()).toBe(there?.name);
        expect((await executorNow('far')).status.pod).toEqual(there);
        expect(await ended).toBe('ended');
      },
      PARTITION_MS,
    );
  });
});
