import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { environmentIdOf } from '../../../src/wire/index.ts';
import { clientPod, onNode, relayAddress } from '../client-pod.ts';
import { baseImage, type SuiteNamespace } from '../cluster-fixture.ts';
import { until } from '../isolation/until.ts';
import type { Order } from './protocol.ts';
import { Streams, streamsProgram } from './streams.ts';

/** A Relay of four replicas, executors that register, and dozens of sessions, on a machine that does other things as well. Milliseconds. */
const SET_UP_LIMIT_MS = 300_000;
const READY_SECONDS = 120;
/** Two drains one after the other, each with its whole grace period. Milliseconds. */
const SETTLED_MS = 240_000;

const EXECUTORS = ['east', 'west'] as const;
/** What people sit at, and where the work is: not on the node that is drained. */
const HOME = 'node1';

const relayObject = z.looseObject({
  metadata: z.looseObject({ generation: z.number() }),
  spec: z.looseObject({ replicas: z.number() }),
  status: z.looseObject({
    observedGeneration: z.number().optional(),
    conditions: z.array(
      z.looseObject({ type: z.string(), status: z.string(), reason: z.string(), lastTransitionTime: z.string() }),
    ),
  }),
});
const podList = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string(), uid: z.string(), deletionTimestamp: z.string().optional() }),
      spec: z.looseObject({
        nodeName: z.string().optional(),
        containers: z.array(z.looseObject({ image: z.string() })),
      }),
      status: z.looseObject({
        conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
        containerStatuses: z.array(z.looseObject({ restartCount: z.number() })).default([]),
        initContainerStatuses: z.array(z.looseObject({ restartCount: z.number() })).default([]),
      }),
    }),
  ),
});
export type ListedPod = z.infer<typeof podList>['items'][number];

/** A Relay `main` with two executors behind it and a client Pod in front, and streams through it all. */
export class BusyRelay {
  readonly #namespace: SuiteNamespace;

  constructor(namespace: SuiteNamespace) {
    this.#namespace = namespace;
  }

  get kubectl(): SuiteNamespace['kubectl'] {
    return this.#namespace.kubectl;
  }

  /** To be called in a suite that has the product and `useAgents`. */
  use(): void {
    beforeAll(async () => {
      await this.kubectl.apply(...EXECUTORS.map(executor));
      for (const name of EXECUTORS) await this.kubectl.wait(`executor/${name}`, 'condition=Ready', READY_SECONDS);
      await this.kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
      const address = await relayAddress(this.kubectl);
      await this.kubectl.apply(
        ...clientPod({ name: 'ci', serviceAccount: 'dev', node: HOME, files: await streamsProgram() }, address),
      );
      await this.kubectl.wait('pod/ci', 'condition=Ready', READY_SECONDS);
    }, SET_UP_LIMIT_MS);
  }

  async stream({ sessions, restless }: Pick<Order, 'sessions' | 'restless'>): Promise<Streams> {
    const { registryURL } = await relayAddress(this.kubectl);
    const environments = EXECUTORS.map((name) => environmentIdOf(this.#namespace.name, name));
    const files = { caFile: '/ca/ca.pem', tokenFile: '/token/token' };
    const streams = await Streams.start(this.kubectl, 'ci', {
      registryURL,
      ...files,
      environments,
      sessions,
      restless,
    });
    afterAll(() => streams.stop());
    return streams;
  }

  async now() {
    return relayObject.parse(await this.kubectl.get('relay', 'main'));
  }

  /** Since when the Relay says that it is ready; undefined while it does not. */
  async readySince(): Promise<string | undefined> {
    const { conditions } = (await this.now()).status;
    return conditions.find(({ type, status }) => type === 'Ready' && status === 'True')?.lastTransitionTime;
  }

  async pods(component: 'relay' | 'registry' | 'executor'): Promise<readonly ListedPod[]> {
    return podList.parse(await this.kubectl.get('pods', '-l', `app.kubernetes.io/component=${component}`)).items;
  }

  /** Each with how often its containers were started. */
  async executorLives(): Promise<readonly string[]> {
    return (await this.pods('executor'))
      .map(({ metadata, status }) => {
        const starts = [...status.initContainerStatuses, ...status.containerStatuses].map((each) => each.restartCount);
        return `${metadata.name} ${metadata.uid} restarts ${starts.join(' ')}`;
      })
      .sort();
  }

  /** Waits until all of a part are of this image, ready, and none of another is left. */
  async runs(component: 'relay' | 'registry', image: string): Promise<void> {
    await until(
      () => this.pods(component),
      (pods) => pods.length > 0 && pods.every((pod) => isReady(pod) && pod.spec.containers[0]?.image === image),
      SETTLED_MS,
    );
  }

  /** Makes a change, and waits until it is done: as many relays as there shall be, and none that still drains but those that did before. */
  async through(change: () => Promise<unknown>): Promise<void> {
    const before = (await this.pods('relay')).filter(isEnding).map(({ metadata }) => metadata.uid);
    await change();
    await until(
      () => Promise.all([this.now(), this.pods('relay')]),
      ([{ metadata, spec, status }, pods]) => {
        const here = pods.filter((pod) => !before.includes(pod.metadata.uid));
        const settled = here.length === spec.replicas && here.every((pod) => isReady(pod) && !isEnding(pod));
        return settled && status.observedGeneration === metadata.generation && isTrue(status.conditions, 'RelaysReady');
      },
      SETTLED_MS,
    );
  }
}

function executor(name: string): Record<string, unknown> {
  const containers = [{ name: 'workspace', image: baseImage(), resources: { requests: { cpu: '500m' } } }];
  const template = { spec: { nodeSelector: onNode(HOME), containers } };
  const spec = { relayRef: { name: 'main' }, template };
  return { apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor', metadata: { name }, spec };
}

function isEnding({ metadata }: ListedPod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function isReady({ status }: ListedPod): boolean {
  return isTrue(status.conditions, 'Ready');
}

function isTrue(conditions: readonly { readonly type: string; readonly status: string }[], wanted: string): boolean {
  return conditions.some(({ type, status }) => type === wanted && status === 'True');
}
