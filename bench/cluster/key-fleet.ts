import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, connectToCluster } from '../../src/kube/index.ts';
import { executors, type ServedExecutor } from '../../src/operator/own-kinds.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { places } from '../../test/cluster/places.ts';
import { clientPod, type RelayAddress, relayAddress } from '../../test/e2e/client-pod.ts';
import { Echoes, echoProgram } from '../../test/e2e/keys/echoes.ts';
import { Kubectl } from '../../test/e2e/kubectl.ts';
import type { Outcome } from '../row.ts';
import { executor, FLEET_NAMESPACE, IMAGE, type Installation, onInstallation, relay } from './installation.ts';

/** A hundred together; each identity below what a relay takes of one. */
const IDENTITIES = ['client-1', 'client-2', 'client-3', 'client-4'];
const SESSIONS = 25;
export const STREAMS = IDENTITIES.length * SESSIONS;

/** Of an old key, so that one rotation can follow the other. */
const OVERLAP = '2s';
const READY_SECONDS = 300;
/** Between two looks at an Executor or at those who ask: what a time can be wrong by. Milliseconds. */
const LOOK_MS = 50;
const REF = { namespace: FLEET_NAMESPACE, name: 'build' };

/** On a cluster with the chart installed: real pods of operator, registries, relays and an executor, and clients of four identities in pods. */
export function onKeyFleet(work: (fleet: KeyFleet) => Promise<readonly number[]>): Promise<Outcome> {
  return onInstallation({ operator: 'pods' }, async (installation) => {
    const fleet = await KeyFleet.start(installation);
    try {
      return { ratios: await work(fleet) };
    } finally {
      await fleet.close();
    }
  });
}

/** How a hundred streams ended. */
export interface StreamsEnd {
  /** Connections beyond the first one of each. */
  readonly reconnected: number;
  /** Bytes that did not come back, or came back as others. */
  readonly lostBytes: number;
}

export class KeyFleet {
  readonly #cluster: Cluster;
  readonly #kubectl: Kubectl;
  readonly #address: RelayAddress;
  #echoes: readonly Echoes[] = [];

  static async start(installation: Installation): Promise<KeyFleet> {
    const { kubeconfig, ours } = installation.tools;
    const kubectl = new Kubectl({ kubeconfig, ours, kubectl: join(places().bin, 'kubectl') }, FLEET_NAMESPACE);
    const front = { ...relay('main'), spec: { replicas: 2, registry: { replicas: 2 } } };
    await kubectl.apply(front, { ...executor('build', 'main') }, ...clients());
    await kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
    const address = await relayAddress(kubectl);
    const files = await echoProgram();
    const podOf = (name: string) => clientPod({ name, serviceAccount: name, productImage: IMAGE, files }, address);
    await kubectl.apply(...IDENTITIES.flatMap(podOf));
    for (const object of ['executor/build', ...IDENTITIES.map((name) => `pod/${name}`)])
      await kubectl.wait(object, 'condition=Ready', READY_SECONDS);
    const cluster = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-bench' });
    const fleet = new KeyFleet(cluster, kubectl, address);
    await fleet.#patch({ spec: { keys: { rotation: { overlap: OVERLAP } } } });
    return fleet;
  }

  private constructor(cluster: Cluster, kubectl: Kubectl, address: RelayAddress) {
    this.#cluster = cluster;
    this.#kubectl = kubectl;
    this.#address = address;
  }

  /**
   * A hundred streams with data both ways, and beside them one new harness after the other. At a new pod each time: an exec-server keeps the sessions
   * of those that went for two minutes, and has room for 256.
   */
  async stream(): Promise<void> {
    if (this.#echoes.length > 0) await this.#replacePod();
    const environment = (await this.#status()).environmentID ?? '';
    const order = { registryURL: this.#address.registryURL, environment, sessions: SESSIONS };
    this.#echoes = await Promise.all(
      IDENTITIES.map((name, index) => Echoes.start(this.#kubectl, name, { ...order, asks: index === 0 })),
    );
  }

  async #replacePod(): Promise<void> {
    const former = (await this.#status()).pod;
    await this.#kubectl.run(['delete', 'pod', former?.name ?? ''], { seconds: READY_SECONDS });
    await this.#look(async () => {
      const { pod, conditions } = await this.#status();
      const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      return isReady && pod?.uid !== undefined && pod.uid !== former?.uid;
    });
  }

  /** @throws when new harnesses were refused meanwhile, or a stream ended by itself */
  async endStreams(): Promise<StreamsEnd> {
    const [asking] = this.#echoes;
    const refusals = Object.keys((await asking?.served())?.failed ?? {});
    const ends = (await Promise.all(this.#echoes.map((each) => each.end()))).flat();
    const [problem] = [...refusals, ...ends.flatMap(({ error }) => error ?? [])];
    if (problem !== undefined) throw new Error(problem);
    return {
      reconnected: ends.reduce((sum, { connections }) => sum + connections - 1, 0),
      lostBytes: ends.reduce((sum, end) => sum + (end.same ? 0 : Math.max(1, end.sentBytes - end.receivedBytes)), 0),
    };
  }

  /** By the annotation. @returns seconds until the key is Active and a new harness was given it */
  async rotate(): Promise<number> {
    const before = await this.#activeKey();
    const at = Date.now();
    await this.#annotate('rotate-requested-at', String(at));
    const { fingerprint = '' } = await this.#look(async () => {
      const key = await this.#activeKey();
      return key.id !== before.id && key;
    });
    const activeAt = Date.now();
    const firstAt = await this.#look(async () => (await this.#echoes[0]?.served())?.firstAt[fingerprint]);
    return (Math.max(firstAt, activeAt) - at) / 1_000;
  }

  /** By the annotation. @returns seconds until the last of the streams was cut */
  async revoke(): Promise<number> {
    const { id } = await this.#activeKey();
    const at = Date.now();
    await this.#annotate('revoke-requested-key', id);
    const cuts = await this.#look(async () => {
      const found = (await Promise.all(this.#echoes.map((each) => each.cuts()))).flat();
      return found.length === STREAMS && found;
    });
    if (Math.min(...cuts) < at) throw new Error('a stream was cut before the revocation');
    for (const echoes of this.#echoes) echoes.stop();
    await this.#look(async () => (await this.#status()).keys.some(({ state }) => state === 'Active'));
    return (Math.max(...cuts) - at) / 1_000;
  }

  /** Every pod with how often its containers were started. */
  async lives(): Promise<readonly string[]> {
    const restarts = '{.status.initContainerStatuses[*].restartCount} {.status.containerStatuses[*].restartCount}';
    const path = `jsonpath={range .items[*]}{.metadata.uid} ${restarts}{"\\n"}{end}`;
    return (await this.#kubectl.run(['get', 'pods', '-o', path])).trim().split('\n');
  }

  async close(): Promise<void> {
    for (const echoes of this.#echoes) echoes.stop();
    await this.#cluster.close();
  }

  async #status(): Promise<ServedExecutor['status']> {
    return (await this.#cluster.api.get(executors, REF)).status;
  }

  async #activeKey(): Promise<ServedExecutor['status']['keys'][number]> {
    return this.#look(async () => (await this.#status()).keys.find(({ state }) => state === 'Active'));
  }

  async #annotate(name: string, value: string): Promise<void> {
    await this.#patch({ metadata: { annotations: { [`noisefleet.dev/${name}`]: value } } });
  }

  async #patch(body: object): Promise<void> {
    await this.#cluster.api.patch(executors, REF, { type: 'merge', body });
  }

  async #look<Seen>(look: () => Promise<Seen | undefined | false>): Promise<Seen> {
    for (;;) {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      await delay(LOOK_MS);
    }
  }
}

/** Identities, and the grant that lets them in. */
function clients(): Record<string, unknown>[] {
  const subjects = IDENTITIES.map((name) => ({ kind: 'ServiceAccount', name }));
  return [
    ...IDENTITIES.map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } })),
    {
      ...{ apiVersion: 'noisefleet.dev/v1alpha1', kind: 'ExecutorGrant', metadata: { name: 'clients' } },
      spec: { subjects, executorSelector: {} },
    },
  ];
}
