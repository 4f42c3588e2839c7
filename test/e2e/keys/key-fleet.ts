import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { ROTATION_DUE, ROTATION_FAILED } from '../../../src/api/index.ts';
import { keySecretName } from '../../../src/keys/index.ts';
import { type Cluster, connectToCluster, type ObjectApi } from '../../../src/kube/index.ts';
import { executors, type ServedExecutor } from '../../../src/operator/own-kinds.ts';
import { systemClock } from '../../../src/telemetry/index.ts';
import { environmentIdOf } from '../../../src/wire/index.ts';
import { clientPod, type RelayAddress, relayAddress } from '../client-pod.ts';
import { cluster, type SuiteNamespace } from '../cluster-fixture.ts';
import { Keeper } from '../duties/keeper.ts';
import { IMAGES, loadCodexImage, loadGlibcImage } from '../images/images.ts';
import { processesOf } from '../key-bytes/machine-places.ts';
import { until } from '../until.ts';
import { echoProgram } from './echoes.ts';
import { codexPod } from './long-turn.ts';
import type { OpenBao } from './open-bao.ts';
import { staleProgram } from './stale-harness.ts';

/** Two images, a Relay of two replicas, an executor that registers and six client Pods on a machine that does other things as well. Milliseconds. */
const SET_UP_LIMIT_MS = 300_000;
const READY_SECONDS = 120;

/** Each of them may connect, and each has a Pod of its name. */
export const IDENTITIES = ['dev', 'ci-1', 'ci-2', 'ci-3'] as const;
export const CODEX_POD = 'codex';
export const STALE_POD = 'stale';
const NAME = 'build';

const secret = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });
const podList = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string(), uid: z.string() }),
      status: z.looseObject({
        containerStatuses: z.array(z.looseObject({ restartCount: z.number() })).default([]),
        initContainerStatuses: z.array(z.looseObject({ restartCount: z.number() })).default([]),
      }),
    }),
  ),
});

type Keys = ServedExecutor['status']['keys'];

/** Who keeps the keys: each has one role of the chart, and may do nothing else. */
interface Keepers {
  readonly rotator: Keeper;
  readonly revoker: Keeper;
}

/** An Executor `build` whose keys are in OpenBao, those who work on it, and those who keep its keys. */
export class KeyFleet {
  readonly #namespace: SuiteNamespace;
  readonly #vault: () => OpenBao;
  #cluster: Cluster | undefined;
  #address: RelayAddress | undefined;
  #keepers: Keepers | undefined;

  constructor(namespace: SuiteNamespace, vault: () => OpenBao) {
    this.#namespace = namespace;
    this.#vault = vault;
  }

  /**
   * To be called in a suite that has OpenBao, the product and `useAgents`.
   *
   * @param clients every one, or nobody but the Pod of `dev`
   */
  use(clients: 'all' | 'dev' = 'all'): void {
    beforeAll(async () => {
      const { kubeconfig } = cluster();
      this.#cluster = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-e2e' });
      await loadGlibcImage();
      await this.kubectl.apply(executor(this.workspace), ...otherIdentities());
      this.#keepers = { rotator: await this.#keeper('rotator'), revoker: await this.#keeper('revoker') };
      if (clients === 'all') await loadCodexImage();
      await this.kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
      await this.kubectl.wait(`executor/${NAME}`, 'condition=Ready', READY_SECONDS);
      const address = await relayAddress(this.kubectl);
      this.#address = address;
      const files = await echoProgram();
      const identities = clients === 'all' ? IDENTITIES : (['dev'] as const);
      const pods = identities.map((name) => clientPod({ name, serviceAccount: name, files }, address));
      const others = clients === 'all' ? await otherClients(address) : [];
      await this.kubectl.apply(...pods.flat(), ...others);
      for (const name of [...identities, ...(clients === 'all' ? [STALE_POD, CODEX_POD] : [])])
        await this.kubectl.wait(`pod/${name}`, 'condition=Ready', READY_SECONDS);
    }, SET_UP_LIMIT_MS);
    afterAll(() => {
      for (const keeper of Object.values(this.#keepers ?? {})) keeper.remove();
      return this.#cluster?.close();
    });
  }

  get kubectl(): SuiteNamespace['kubectl'] {
    return this.#namespace.kubectl;
  }

  /** The same path for client and executor (contract §10). */
  get workspace(): string {
    return `/tmp/${this.#namespace.name}`;
  }

  get environment(): string {
    return `${this.#namespace.name}/${NAME}`;
  }

  get environmentId(): string {
    return environmentIdOf(this.#namespace.name, NAME);
  }

  get ref() {
    return { namespace: this.#namespace.name, name: NAME };
  }

  get address(): RelayAddress {
    if (this.#address === undefined) throw new Error('the fleet is there after beforeAll');
    return this.#address;
  }

  async executor(): Promise<ServedExecutor> {
    return this.#known.api.get(executors, this.ref);
  }

  /** `k1 Retiring, k2 Active` */
  async states(): Promise<string> {
    return shown((await this.executor()).status.keys);
  }

  /** Waits by a watch until the Executor is so. */
  async becomes(what: string, holds: (executor: ServedExecutor) => boolean): Promise<ServedExecutor> {
    const found = await until(this.#known.api, executors, this.ref, what, (each) => each !== undefined && holds(each));
    if (found === undefined) throw new Error('the Executor is gone');
    return found;
  }

  /** Waits until this key is active. @returns what the status tells of it */
  async activates(id: string): Promise<Keys[number]> {
    const active = ({ status }: ServedExecutor) => status.keys.find((key) => key.id === id && key.state === 'Active');
    const found = active(await this.becomes(`${id} Active`, (each) => active(each) !== undefined));
    if (found === undefined) throw new Error('it was there');
    return found;
  }

  /** `kubectl annotate` by somebody who has only the role of a rotator. @returns when he began, by the clock of this machine */
  async rotate(value: string): Promise<number> {
    const now = Date.now();
    const { rotator } = this.#known.keepers;
    await rotator.annotate(NAME, { 'rotate-requested-at': value, 'requested-by': rotator.user });
    return now;
  }

  /** What the status says of a key that was asked for by `rotate`. */
  get asRotatorAsked() {
    return { trigger: 'Annotation', requestedBy: this.#known.keepers.rotator.user, requester: 'Verified' };
  }

  /** The same by a revoker. */
  async revoke(id: string): Promise<number> {
    const now = Date.now();
    const { revoker } = this.#known.keepers;
    await revoker.annotate(NAME, { 'revoke-requested-key': id, 'requested-by': revoker.user });
    return now;
  }

  /** Changes `spec.keys.rotation.overlap`. */
  async setOverlap(overlap: string): Promise<void> {
    const body = { spec: { keys: { rotation: { overlap } } } };
    await this.#known.api.patch(executors, this.ref, { type: 'merge', body });
  }

  async inSecret(): Promise<readonly string[]> {
    const { data } = secret.parse(await this.kubectl.get('secret', keySecretName(this.ref)));
    return Object.keys(data).sort();
  }

  async inVault(): Promise<readonly string[]> {
    return (await this.#vault().bao.list(`kv/metadata/${this.#path}`)).sort();
  }

  /** The key file of a key as OpenBao has it. */
  async keyFile(id: string): Promise<string> {
    const answer = z
      .object({ data: z.object({ data: z.object({ keyFile: z.string() }) }) })
      .parse(await this.#vault().bao.must('GET', `kv/data/${this.#path}${id}`));
    return Buffer.from(answer.data.data.keyFile, 'base64').toString();
  }

  /** Every pod with how often its containers were started. */
  async lives(): Promise<readonly string[]> {
    return podList
      .parse(await this.kubectl.get('pods'))
      .items.map(({ metadata, status }) => {
        const starts = [...status.initContainerStatuses, ...status.containerStatuses].map((each) => each.restartCount);
        return `${metadata.name} ${metadata.uid} restarts ${starts.join(' ')}`;
      })
      .sort();
  }

  /** Whether the executor has a pod. */
  async setMode(operatingMode: 'Running' | 'Suspended'): Promise<void> {
    await this.#known.api.patch(executors, this.ref, { type: 'merge', body: { spec: { operatingMode } } });
  }

  async podsOf(component: 'executor' | 'relay' | 'registry'): Promise<readonly string[]> {
    const { items } = podList.parse(await this.kubectl.get('pods', '-l', `app.kubernetes.io/component=${component}`));
    return items.map(({ metadata }) => metadata.name);
  }

  /** Asks for a rotation that the store does not allow, and waits until the Executor says why it waits. */
  async saysWhy(value: string, why: RegExp) {
    return this.#saysAfterRotation(value, ROTATION_DUE, why);
  }

  /** The same, for what goes wrong only when the key is to be made. */
  async failsWith(value: string, why: RegExp) {
    return this.#saysAfterRotation(value, ROTATION_FAILED, why);
  }

  async executorPod(): Promise<string> {
    const name = (await this.executor()).status.pod?.name;
    if (name === undefined) throw new Error('the Executor has no pod');
    return name;
  }

  /** As when it is out of memory. Resolves when the kubelet says that it has started it again. */
  async restartSidecar(): Promise<void> {
    const pod = await this.executorPod();
    for (const pid of processesOf(pod, '--keys-dir')) process.kill(pid, 'SIGKILL');
    const restarts = `jsonpath={.status.initContainerStatuses[?(@.name=="noisefleet-sidecar")].restartCount}=1`;
    await this.kubectl.wait(`pod/${pod}`, restarts, READY_SECONDS);
  }

  get #path(): string {
    return `production/${this.#namespace.name}/${NAME}/`;
  }

  get #known(): { readonly api: ObjectApi; readonly keepers: Keepers } {
    if (this.#cluster === undefined || this.#keepers === undefined)
      throw new Error('the fleet is there after beforeAll');
    return { api: this.#cluster.api, keepers: this.#keepers };
  }

  #keeper(name: 'rotator' | 'revoker'): Promise<Keeper> {
    return Keeper.of(this.kubectl, this.#namespace.name, name, `noisefleet-key-${name}`);
  }

  async #saysAfterRotation(value: string, type: string, why: RegExp) {
    await this.rotate(value);
    const says = ({ status: { conditions } }: ServedExecutor) =>
      conditions.find((each) => each.type === type && each.status === 'True' && why.test(each.message));
    const said = says(await this.becomes(`${type}, ${why}`, (each) => says(each) !== undefined));
    if (said === undefined) throw new Error('it was there');
    return said;
  }
}

function shown(keys: Keys): string {
  return keys.map(({ id, state }) => `${id} ${state}`).join(', ');
}

function executor(workspace: string): Record<string, unknown> {
  const template = { spec: { containers: [{ name: 'workspace', image: IMAGES.glibc }] } };
  const keys = { rotation: { overlap: '2s' } };
  return {
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Executor',
    metadata: { name: NAME },
    spec: { relayRef: { name: 'main' }, template, workspace: { type: 'Ephemeral', path: workspace }, keys },
  };
}

/** A harness that holds on to an old key, and a real Codex. */
async function otherClients(address: RelayAddress): Promise<readonly Record<string, unknown>[]> {
  const stale = clientPod({ name: STALE_POD, serviceAccount: 'dev', files: await staleProgram() }, address);
  return [...stale, ...(await codexPod(CODEX_POD, 'dev', address))];
}

/** Identities beside `dev`, and the grant that lets them in. */
function otherIdentities(): Record<string, unknown>[] {
  const names = IDENTITIES.filter((name) => name !== 'dev');
  const subjects = names.map((name) => ({ kind: 'ServiceAccount', name }));
  return [
    ...names.map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } })),
    {
      apiVersion: 'noisefleet.dev/v1alpha1',
      kind: 'ExecutorGrant',
      metadata: { name: 'ci' },
      spec: { subjects, executorSelector: {} },
    },
  ];
}
