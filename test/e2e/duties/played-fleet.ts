import { randomBytes } from 'node:crypto';
import { API_VERSION } from '../../../src/api/index.ts';
import { type ObjectApi, pods } from '../../../src/kube/index.ts';
import { childLabels } from '../../../src/operator/children/child.ts';
import { type RunningOperator, startOperator } from '../../../src/operator/index.ts';
import { executors, relays } from '../../../src/operator/own-kinds.ts';
import { createLogger, createMetrics } from '../../../src/telemetry/index.ts';
import { PlayedNode, placement } from '../played-node.ts';
import { untilAll } from '../until.ts';
import { PlayedSidecars } from './played-sidecars.ts';

/** A played node says that it takes so many, and some are left for others. */
const PODS_OF_A_NODE = 400;

/** Applied at once; the API server has other things to do as well. */
const APPLIED_AT_ONCE = 20;

/** What the label of the fleet is for: the command names it. */
export const FLEET_SELECTOR = 'fleet=keys';

export interface PlayedFleetOptions {
  readonly api: ObjectApi;
  /** Enabled for the operator. Relay and Executors are in it. */
  readonly namespace: string;
  /** Where the chart is installed: the Lease is there. */
  readonly release: { readonly namespace: string; readonly serviceAccount: string; readonly keysPolicy: string };
  readonly image: string;
  readonly size: number;
}

/**
 * Executors whose pods no machine runs, and an operator in this process: API server, scheduler and keys are the real ones, and the sidecars load at once
 * what they are given.
 */
export class PlayedFleet {
  readonly #options: PlayedFleetOptions;
  readonly #sidecars = new PlayedSidecars();
  readonly #nodes: PlayedNode[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #operator: RunningOperator | undefined;

  constructor(options: PlayedFleetOptions) {
    this.#options = options;
  }

  /** Resolves when each executor has a key that serves. @param seconds how long that may take */
  async start(seconds: number): Promise<void> {
    const { api, namespace, size } = this.#options;
    for (let node = 0; node * PODS_OF_A_NODE < size; node++) {
      const played = new PlayedNode(api, nodeName(node));
      await played.start(namespace);
      this.#nodes.push(played);
    }
    this.#running = this.#sidecars.follow(api, namespace, this.#stopping.signal);
    this.#operator = await this.#startOperator();
    await api.apply(relays, { metadata: { name: 'main', namespace }, ...{ spec: {} } }, { fieldManager: 'e2e' });
    await this.#playRegistry();
    const names = Array.from({ length: size }, (_, number) => number);
    for (let at = 0; at < size; at += APPLIED_AT_ONCE) {
      await Promise.all(names.slice(at, at + APPLIED_AT_ONCE).map((number) => this.#apply(number)));
    }
    const what = `${size} executors with a key that serves`;
    await untilAll(api, executors, { namespace, what, seconds }, (objects) => {
      const served = [...objects.values()].filter(({ status }) => status.keys.some(({ state }) => state === 'Active'));
      return served.length === size;
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#operator?.close();
    await this.#running;
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }

  #startOperator(): Promise<RunningOperator> {
    const { api, image, release } = this.#options;
    return startOperator({
      ...{ api, image, imagePullPolicy: 'Never', imagePullSecrets: [], logLevel: 'error' },
      ...{ namespace: release.namespace, serviceAccount: release.serviceAccount, leaseName: 'noisefleet-played' },
      registryServiceAccount: 'noisefleet-registry',
      keysPolicy: release.keysPolicy,
      identity: randomBytes(4).toString('hex'),
      watchRegistry: this.#sidecars.registry.watch,
      logger: createLogger({ component: 'operator', level: 'error' }),
      metrics: createMetrics({ component: 'operator', version: '0.0.0' }),
    });
  }

  /** A pod that is one of the Relay's registries as far as the operator can see, and for which the played sidecars speak. */
  async #playRegistry(): Promise<void> {
    const { api, namespace, image } = this.#options;
    const labels = childLabels({ kind: 'Relay', name: 'main' }, 'registry');
    const securityContext = {
      ...{ runAsNonRoot: true, runAsUser: 65_532, allowPrivilegeEscalation: false },
      ...{ capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
    };
    const containers = [{ name: 'registry', image, securityContext }];
    const spec = { containers, nodeName: nodeName(0), ...placement(nodeName(0)) };
    const ref = { name: 'played-registry', namespace };
    await api.create(pods, { metadata: { ...ref, labels }, ...{ spec } });
    const conditions = [{ type: 'Ready', status: 'True' }];
    const status = { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], conditions };
    await api.patch(pods, ref, { type: 'merge', body: { status } }, { subresource: 'status' });
  }

  async #apply(number: number): Promise<void> {
    const { api, namespace, image } = this.#options;
    const place = placement(nodeName(Math.floor(number / PODS_OF_A_NODE)));
    const template = { spec: { ...place, containers: [{ name: 'workspace', image }] } };
    const spec = { relayRef: { name: 'main' }, template, keys: { rotation: { overlap: '0s' } } };
    const metadata = { name: `e${number}`, namespace, labels: { fleet: 'keys' } };
    const object = { apiVersion: API_VERSION, kind: 'Executor', metadata, ...{ spec } };
    await api.apply(executors, object, { fieldManager: 'e2e' });
  }
}

function nodeName(number: number): string {
  return `played-keys-${number}`;
}
