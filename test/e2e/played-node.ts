import {
  Informer,
  isApiError,
  leases,
  microTime,
  nodes,
  type ObjectApi,
  type Pod,
  pods,
  secondTime,
} from '../../src/kube/index.ts';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';

/** How often a node says that it lives; the test cluster gives it 20 s. Milliseconds. */
const HEARTBEAT_MS = 5_000;

/** What a pod needs to come here, and nothing else comes. */
export function placement(node: string) {
  return {
    nodeSelector: { 'kubernetes.io/hostname': node },
    tolerations: [{ key: 'e2e.example.org/played', operator: 'Exists' }],
  };
}

/**
 * A node without a machine, for pods that are many: it says that they run and are ready, and takes them away when they are deleted. The API server,
 * the scheduler and the controllers are the real ones.
 */
export class PlayedNode {
  readonly #api: ObjectApi;
  readonly #name: string;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #problem: unknown;

  constructor(api: ObjectApi, name: string) {
    this.#api = api;
    this.#name = name;
  }

  /** Joins the cluster and plays the pods of this namespace. */
  async start(namespace: string): Promise<void> {
    await this.#join();
    const fieldSelector = `spec.nodeName=${this.#name}`;
    const log = createLogger({ component: 'test', level: 'silent' });
    const informer = new Informer({ api: this.#api, resource: pods, fieldSelector, clock: systemClock, log });
    informer.onChange(({ type, object }) => {
      if (type !== 'deleted') this.#play(object).catch((error: unknown) => this.#fail(error));
    });
    informer.follow([namespace]);
    const timer = setInterval(() => this.#beat().catch((error: unknown) => this.#fail(error)), HEARTBEAT_MS);
    this.#stopping.signal.addEventListener('abort', () => clearInterval(timer));
    this.#running = informer.run(this.#stopping.signal);
  }

  /** Leaves the cluster. Rejects when something could not be played. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#api.delete(nodes, { name: this.#name });
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** A pod of this node ends by itself. */
  async fail(pod: { readonly namespace: string; readonly name: string }): Promise<void> {
    const body = { status: { phase: 'Failed', reason: 'Played' } };
    await this.#api.patch(pods, pod, { type: 'merge', body }, { subresource: 'status' });
  }

  async #join(): Promise<void> {
    const taints = [{ key: 'e2e.example.org/played', effect: 'NoSchedule' }];
    const metadata = { name: this.#name, labels: { 'kubernetes.io/hostname': this.#name } };
    await this.#api.create(nodes, { metadata, ...{ spec: { taints } } });
    const amount = { cpu: '64', memory: '256Gi', pods: '500' };
    const time = secondTime(Date.now());
    const ready = { type: 'Ready', status: 'True', reason: 'Played', message: 'played', lastHeartbeatTime: time };
    const status = { capacity: amount, allocatable: amount, conditions: [{ ...ready, lastTransitionTime: time }] };
    const body = { status };
    await this.#api.patch(nodes, { name: this.#name }, { type: 'merge', body }, { subresource: 'status' });
    const lease = { namespace: 'kube-node-lease', name: this.#name };
    const spec = { holderIdentity: this.#name, leaseDurationSeconds: 40, renewTime: microTime(Date.now()) };
    await this.#api.apply(leases, { metadata: lease, ...{ spec } }, { fieldManager: 'e2e', force: true });
  }

  async #beat(): Promise<void> {
    const body = { spec: { renewTime: microTime(Date.now()) } };
    await this.#api.patch(leases, { namespace: 'kube-node-lease', name: this.#name }, { type: 'merge', body });
  }

  async #play({ metadata, spec, status }: Pod): Promise<void> {
    const { namespace = '', name, uid, resourceVersion } = metadata;
    try {
      if (metadata.deletionTimestamp !== undefined) {
        await this.#api.delete(pods, { namespace, name }, { uid, gracePeriodSeconds: 0 });
      } else if (status?.phase === 'Pending') {
        // Only from the very state that was seen: it may have failed meanwhile, and does not run again.
        const body = { metadata: { uid, resourceVersion }, status: runningStatus(spec) };
        await this.#api.patch(pods, { namespace, name }, { type: 'merge', body }, { subresource: 'status' });
      }
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error; // gone by now, another pod, or changed: that is seen next
    }
  }

  #fail(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#problem ??= error;
  }
}

function runningStatus(spec: Pod['spec']) {
  const time = secondTime(Date.now());
  const running = ({ name, image }: { name: string; image?: string | undefined }) => ({
    ...{ name, image, imageID: 'played', ready: true, started: true, restartCount: 0 },
    state: { running: { startedAt: time } },
  });
  const conditions = ['Initialized', 'ContainersReady', 'Ready'].map((type) => {
    return { type, status: 'True', lastTransitionTime: time };
  });
  return {
    phase: 'Running',
    startTime: time,
    conditions: [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime: time }],
    containerStatuses: spec?.containers.map(running),
    initContainerStatuses: spec?.initContainers?.map(running),
  };
}
