import { setTimeout as pause } from 'node:timers/promises';
import { API_VERSION } from '../../api/index.ts';
import { deployments, type KubeObject, type ObjectApi, type Pod, pods, type Resource } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { createLogger, createMetrics, systemClock } from '../../telemetry/index.ts';
import { childLabels } from '../children/child.ts';
import { type OperatorOptions, type RunningOperator, startOperator } from '../index.ts';
import { executorGrants, executors, relays } from '../own-kinds.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** How long a test waits for what the operator does in moments, in milliseconds. */
const PATIENCE_MS = 10_000;

/** An operator on an API server in memory, and hands to play the rest of the cluster. */
export class OperatorFixture {
  readonly server: MemoryApiServer;
  readonly api: ObjectApi;
  /** Namespaces in which the operator has rights. */
  readonly enabled = new Set(['agents', 'team-a']);
  readonly registry = new ScriptedRegistry();
  #operator: RunningOperator | undefined;

  constructor() {
    this.server = new MemoryApiServer({ clock: systemClock });
    for (const resource of [relays, executors, executorGrants]) this.server.define<KubeObject>(resource);
    this.server.intercept(({ path, body }) => {
      if (path !== ACCESS_REVIEWS) return undefined;
      const { spec } = JSON.parse(String(body));
      return { status: 201, body: { spec, status: { allowed: this.enabled.has(spec.resourceAttributes.namespace) } } };
    });
    this.api = this.server.api();
  }

  async start(more: Pick<OperatorOptions, 'vault'> = {}): Promise<void> {
    this.#operator = await startOperator({
      api: this.server.api(),
      namespace: 'noisefleet',
      serviceAccount: 'noisefleet-operator',
      registryServiceAccount: 'noisefleet-registry',
      image: 'noisefleet:1',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      logLevel: 'info',
      watchRegistry: this.registry.watch,
      leaseName: 'noisefleet-operator',
      identity: `test-${Math.random()}`,
      logger: createLogger({ component: 'operator', level: 'silent' }),
      metrics: createMetrics({ component: 'operator', version: '0.0.0' }),
      ...more,
    });
  }

  async stop(): Promise<void> {
    await this.#operator?.close();
    this.#operator = undefined;
  }

  async applyRelay(spec: object = {}): Promise<void> {
    const metadata = { namespace: 'agents', name: 'main' };
    await this.api.create(relays, { apiVersion: API_VERSION, kind: 'Relay', metadata, ...{ spec } });
  }

  async applyExecutor(spec: object = {}, name = 'build'): Promise<void> {
    const metadata = { namespace: 'team-a', name };
    const full = { relayRef: { namespace: 'agents', name: 'main' }, ...spec };
    await this.api.create(executors, { apiVersion: API_VERSION, kind: 'Executor', metadata, ...{ spec: full } });
  }

  async patchExecutor(spec: object, name = 'build'): Promise<void> {
    await this.api.patch(executors, { namespace: 'team-a', name }, { type: 'merge', body: { spec } });
  }

  relay() {
    return this.api.get(relays, { namespace: 'agents', name: 'main' });
  }

  executor(name = 'build') {
    return this.api.get(executors, { namespace: 'team-a', name });
  }

  async all<T extends KubeObject>(resource: Resource<T>, namespace: string): Promise<readonly T[]> {
    return (await this.api.list(resource, { namespace })).items;
  }

  /** Plays the Deployment controller and the kubelets: everything that is wanted is ready. */
  async rollOut(): Promise<void> {
    for (const { metadata, spec } of await this.all(deployments, 'agents')) {
      const { replicas = 1 } = spec ?? {};
      const { generation } = metadata;
      const status = { observedGeneration: generation, replicas, updatedReplicas: replicas, readyReplicas: replicas };
      await this.#setStatus(deployments, metadata, status);
    }
  }

  /** Plays a registry pod of the Relay that is ready: the operator watches it, and `registry` speaks for it. */
  async startRegistry(): Promise<void> {
    const owner = { kind: 'Relay', name: 'main' } as const;
    const metadata = { namespace: 'agents', name: 'registry-1', labels: childLabels(owner, 'registry') };
    await this.api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, ...{ spec: { containers: [] } } });
    const status = { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] };
    await this.#setStatus(pods, { ...metadata, uid: '', resourceVersion: '' }, status);
  }

  /** Plays a relay pod of the Relay that runs; no registry says anything of it. */
  async startRelayPod(name: string): Promise<void> {
    const owner = { kind: 'Relay', name: 'main' } as const;
    const metadata = { namespace: 'agents', name, labels: childLabels(owner, 'relay') };
    await this.api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, ...{ spec: { containers: [] } } });
    await this.#setStatus(pods, { ...metadata, uid: '', resourceVersion: '' }, { phase: 'Running' });
  }

  /** Plays the kubelet: the pod runs and is registered. */
  async run(pod: Pod, ready = true): Promise<void> {
    await this.#setStatus(pods, pod.metadata, {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      initContainerStatuses: [{ name: 'noisefleet-sidecar', ready, state: {} }],
    });
  }

  /** `k1 Active, k2 Prepared` */
  async keyStates(): Promise<string> {
    return (await this.executor()).status.keys.map(({ id, state }) => `${id} ${state}`).join(', ');
  }

  async keysBecome(expected: string): Promise<void> {
    await this.eventually(expected, async () => (await this.keyStates()) === expected);
  }

  /** Plays sidecar and registries: these keys, once they are made, are registered on live sockets of the pod. */
  async serveKeys(pod: Pod, ...ids: string[]): Promise<void> {
    const served = await this.eventually(`${ids} to be prepared`, async () => {
      const found = (await this.executor()).status.keys.flatMap(({ id, fingerprint }) => {
        return fingerprint !== undefined && ids.includes(id) ? [{ id, fingerprint }] : [];
      });
      return found.length === ids.length && found;
    });
    this.registry.serve('team-a_build', pod.metadata.uid, served);
  }

  async fail(pod: Pod): Promise<void> {
    await this.#setStatus(pods, pod.metadata, { phase: 'Failed', reason: 'Evicted' });
  }

  /** What `look` gives, as soon as it gives something. */
  async eventually<T>(what: string, look: () => Promise<T | undefined | false>, patienceMs = PATIENCE_MS): Promise<T> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      if (performance.now() > until) throw new Error(`waited in vain: ${what}`);
      await pause(10);
    }
  }

  /** The condition of an executor, once it has this reason. */
  condition(type: string, reason: string, name = 'build') {
    return this.eventually(`${type}/${reason} of ${name}`, async () => {
      const { status } = await this.executor(name);
      return status.conditions.find((each) => each.type === type && each.reason === reason);
    });
  }

  /** The pod that counts, once it is the fence. */
  fence(after?: string, name = 'build'): Promise<Pod> {
    return this.eventually(`a pod of ${name} that is the fence`, async () => {
      const { status } = await this.executor(name);
      if (status.pod?.uid === undefined || status.pod.uid === after) return undefined;
      return this.api.find(pods, { namespace: 'team-a', name: status.pod.name });
    });
  }

  async #setStatus<T extends KubeObject>(
    resource: Resource<T>,
    metadata: T['metadata'],
    status: object,
  ): Promise<void> {
    const { namespace, name } = metadata;
    const ref = { name, ...(namespace !== undefined && { namespace }) };
    await this.api.patch(resource, ref, { type: 'merge', body: { status } }, { subresource: 'status' });
  }
}
