import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cluster,
  configMaps,
  connectToCluster,
  deployments,
  events,
  type KubeObject,
  networkPolicies,
  type ObjectApi,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type Resource,
  secrets,
  serviceAccounts,
  services,
} from '../../src/kube/index.ts';
import { executorNames } from '../../src/operator/executor-pod/names.ts';
import { executors, relays, type ServedExecutor } from '../../src/operator/own-kinds.ts';
import { relayNames } from '../../src/operator/relay/names.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { useEnabledNamespace } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { type AnyObject, childrenOf, inventory, nameOf } from './inventory.ts';
import { useProduct } from './product.ts';
import { until, untilAll } from './until.ts';

const RELAY = relayNames({ name: 'main' });
const BUILD = executorNames({ name: 'build' });

/** Every kind of child. One that is added has to be thought of here as well. */
const CHILD_KINDS: Readonly<Record<string, Resource>> = {
  ConfigMap: configMaps,
  Deployment: deployments,
  NetworkPolicy: networkPolicies,
  PersistentVolumeClaim: persistentVolumeClaims,
  Pod: pods,
  PodDisruptionBudget: podDisruptionBudgets,
  Secret: secrets,
  Service: services,
  ServiceAccount: serviceAccounts,
};

/** What somebody does by hand to a child, and what is then in its JSON again, or not in it any more. */
const EDITS: readonly (readonly [Resource, string, Readonly<Record<string, unknown>>, RegExp])[] = [
  [deployments, RELAY.relay, { spec: { replicas: 0 } }, /"replicas":2/],
  [deployments, RELAY.registry, { spec: { template: { spec: { serviceAccountName: 'default' } } } }, /"noisefleet-reg/],
  [services, RELAY.registry, { spec: { selector: { app: 'mine' } } }, /"noisefleet.dev\/relay":"main"/],
  [serviceAccounts, RELAY.relayServiceAccount, { automountServiceAccountToken: true }, /ServiceAccountToken":false/],
  [podDisruptionBudgets, RELAY.relay, { spec: { maxUnavailable: 2 } }, /"maxUnavailable":1/],
  [networkPolicies, RELAY.relay, { spec: { egress: [{}] } }, /"port":8443/],
  // No ingress at all: the API server leaves an empty list out.
  [networkPolicies, BUILD.networkPolicy, { spec: { ingress: [{}] } }, /^(?!.*"ingress")/],
  [networkPolicies, BUILD.networkPolicy, { metadata: { labels: null } }, /managed-by/],
  [configMaps, RELAY.bundle, { data: { 'ca.crt': 'mine' } }, /BEGIN CERTIFICATE/],
  [configMaps, BUILD.bundle, { metadata: { ownerReferences: null } }, /"controller":true/],
  [secrets, RELAY.registryTls, { data: { 'tls.crt': 'bWluZQ==' } }, /"tls.crt":"LS0t/],
];

describe('what belongs to a Relay and an Executor', () => {
  useProduct();
  const { name: namespace, kubectl } = useEnabledNamespace('children');
  let connection: Cluster;
  let api: ObjectApi;
  let before: string[];

  beforeAll(async () => {
    const { kubeconfig } = cluster();
    connection = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-e2e' });
    api = connection.api;
    before = (await inventory(kubectl)).map(nameOf).sort();
    await kubectl.apply(
      ours('Relay', 'main', { replicas: 2 }),
      ours('Executor', 'build', {
        relayRef: { name: 'main' },
        workspace: { type: 'Persistent', persistent: { size: '1Gi', storageClassName: 'local' } },
      }),
    );
    await kubectl.wait('executor/build', 'condition=Ready', 120);
    await kubectl.wait('relay/main', 'condition=Ready', 60);
  }, 240_000);
  afterAll(() => connection?.close());

  it('is restored when somebody edits it', async () => {
    for (const [resource, name, body] of EDITS) await api.patch(resource, at(name), { type: 'merge', body });
    for (const [resource, name, _body, restored] of EDITS) {
      await until(api, resource, at(name), `to be ${restored} again`, (object) =>
        restored.test(JSON.stringify(object)),
      );
    }
    await kubectl.wait('relay/main', 'condition=Ready', 90);
  });

  it('comes back when somebody deletes it', async () => {
    const children = await allChildren();
    expect(new Set(children.map(({ kind }) => kind))).toEqual(new Set(Object.keys(CHILD_KINDS)));
    // Keys are no copy of anything: below. A claim goes with its pod, whose name changes.
    const restorable = children.filter(
      ({ kind, metadata }) =>
        kind !== 'Pod' &&
        kind !== 'PersistentVolumeClaim' &&
        metadata.name !== BUILD.keys &&
        metadata.name !== RELAY.authority,
    );
    await kubectl.run(['delete', '--wait=false', ...restorable.map(reference)]);
    for (const child of restorable) {
      await until(api, resourceOf(child), at(child.metadata.name), 'to be there again', (object) =>
        isNew(child, object),
      );
    }
    await kubectl.wait('relay/main', 'condition=Ready', 120);
    await kubectl.wait('executor/build', 'condition=Ready', 120);
  });

  it('is a pod under a new name when somebody deletes the pod, with a claim of its own when somebody deletes that', async () => {
    const first = await build();
    const claim = await api.get(persistentVolumeClaims, at(BUILD.workspace));
    // A claim in use goes with the last pod that uses it, and no new pod takes one that is going.
    await kubectl.run(['delete', '--wait=false', `pvc/${BUILD.workspace}`]);
    await kubectl.run(['delete', '--wait=false', `pod/${first.status.pod?.name}`]);

    const pod = await untilBuild('to have another pod', ({ status }) => isOther(first, status.pod?.uid));
    await until(api, persistentVolumeClaims, at(BUILD.workspace), 'to be made anew', (object) => {
      return object !== undefined && object.metadata.uid !== claim.metadata.uid;
    });
    await kubectl.wait('executor/build', 'condition=Ready', 120);
    expect(pod.status.pod?.name).not.toBe(first.status.pod?.name);
  });

  it('is left alone where a key was edited, until somebody puts it right', async () => {
    const { data = {} } = await api.get(secrets, at(BUILD.keys));
    const tickets = await api.get(secrets, at(RELAY.ticketKeys));
    const edit = (name: string, content: object) => api.patch(secrets, at(name), { type: 'merge', body: content });

    await edit(BUILD.keys, { data: { 'k1.json': 'bWluZQ==' } });
    await edit(RELAY.ticketKeys, { data: { 'ticket-keys.json': 'bWluZQ==' } });
    await kubectl.wait('executor/build', 'condition=Stalled', 30);
    await kubectl.wait('relay/main', 'condition=Stalled', 30);
    expect((await api.get(secrets, at(BUILD.keys))).data).toEqual({ 'k1.json': 'bWluZQ==' });

    await edit(BUILD.keys, { data });
    await edit(RELAY.ticketKeys, { data: tickets.data });
    await kubectl.wait('executor/build', 'condition=Ready', 60);
    await kubectl.wait('relay/main', 'condition=Ready', 60);
    expect((await build()).status.keys).toMatchObject([{ id: 'k1' }]);
  });

  it('is a new key under a new name when somebody deletes the key, with its history and an event', async () => {
    const { status: earlier } = await build();
    await api.delete(secrets, at(BUILD.keys));

    const { status } = await untilBuild('to have a second key', ({ status: { activeKeyID } }) => activeKeyID === 'k2');
    expect(status.keys).toMatchObject([
      {
        id: 'k1',
        state: 'Revoked',
        fingerprint: earlier.keys[0]?.fingerprint,
        reason: expect.stringContaining('lost'),
      },
      { id: 'k2', fingerprint: expect.stringMatching(/^SHA256:/) },
    ]);
    expect(status.pod?.uid).toBe(earlier.pod?.uid);
    for (const [reason, id] of [
      ['KeyRevoked', 'k1'],
      ['KeyCreated', 'k2'],
    ] as const) {
      await untilAll(api, events, { namespace, what: `an event ${reason} of ${id}` }, (all) =>
        [...all.values()].some((event) => event.reason === reason && event.note?.includes(`Key ${id} `)),
      );
    }
  });

  it('leaves foreign objects of the same names alone, says so, and goes on when they are gone', async () => {
    const names = executorNames({ name: 'taken' });
    const foreign = [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: names.bundle }, data: { mine: 'yes' } },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: names.keys }, stringData: { mine: 'yes' } },
    ];
    await kubectl.apply(...foreign);
    const untouched = async () => (await inventory(kubectl)).filter(({ metadata: { name } }) => isForeign(name));
    const isForeign = (name: string) => name === names.bundle || name === names.keys;
    const there = await untouched();

    await kubectl.apply(ours('Executor', 'taken', { relayRef: { name: 'main' }, operatingMode: 'Suspended' }));
    await kubectl.wait('executor/taken', 'jsonpath={.status.conditions[?(@.type=="Stalled")].reason}=NotOwned', 30);
    await kubectl.run(['delete', 'configmap', names.bundle]);
    await untilExecutor('taken', 'to name the Secret', ({ status: { conditions } }) =>
      conditions.some(({ reason, message }) => reason === 'NotOwned' && message.includes(`secret -n ${namespace}`)),
    );
    expect((await untouched()).find(({ kind }) => kind === 'Secret')).toEqual(
      there.find(({ kind }) => kind === 'Secret'),
    );
    await kubectl.run(['delete', 'secret', names.keys]);
    await kubectl.wait('executor/taken', 'jsonpath={.status.activeKeyID}=k1', 30);
    await kubectl.run(['delete', 'executor', 'taken']);
  });

  it('is gone, all of it, when Executor and Relay are deleted', async () => {
    const children = await allChildren();
    await kubectl.run(['delete', 'executor/build', 'relay/main']);
    await kubectl.run(['wait', '--for=delete', '--timeout=120s', ...children.map(reference)], { seconds: 150 });
    await untilAll(api, pods, { namespace, what: 'the last pod to end' }, (all) => all.size === 0);
    const left = async () => (await inventory(kubectl)).map(nameOf).sort();
    await expect.poll(left, { timeout: 60_000, interval: 1_000 }).toEqual(before);
    expect(await api.list(relays, { namespace })).toMatchObject({ items: [] });
  });

  const at = (name: string) => ({ namespace, name });

  async function allChildren(): Promise<AnyObject[]> {
    const all = await inventory(kubectl);
    return [...childrenOf(all, 'Relay'), ...childrenOf(all, 'Executor')];
  }

  const build = () => api.get(executors, at('build'));
  const untilBuild = (what: string, holds: (executor: ServedExecutor) => boolean) =>
    untilExecutor('build', what, holds);

  async function untilExecutor(name: string, what: string, holds: (executor: ServedExecutor) => boolean) {
    const found = await until(api, executors, at(name), what, (executor) => executor !== undefined && holds(executor));
    if (found === undefined) throw new Error(`Executor ${name} is gone`);
    return found;
  }
});

function ours(kind: 'Relay' | 'Executor', name: string, spec: object) {
  return { apiVersion: 'noisefleet.dev/v1alpha1', kind, metadata: { name }, spec };
}

function resourceOf({ kind }: AnyObject): Resource {
  const resource = CHILD_KINDS[kind];
  if (resource === undefined) throw new Error(`${kind} is a kind of child that this test does not know`);
  return resource;
}

function reference({ kind, metadata }: AnyObject): string {
  return `${kind.toLowerCase()}/${metadata.name}`;
}

function isNew(before: AnyObject, now: KubeObject | undefined): boolean {
  return now !== undefined && now.metadata.uid !== before.metadata.uid && now.metadata.deletionTimestamp === undefined;
}

function isOther(before: ServedExecutor, uid: string | undefined): boolean {
  return uid !== undefined && uid !== before.status.pod?.uid;
}
