import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cluster,
  connectToCluster,
  Informer,
  leases,
  type ObjectApi,
  pods,
  secrets,
} from '../../src/kube/index.ts';
import type { PodStatus } from '../../src/operator/executor-pod/decide.ts';
import { executorNames } from '../../src/operator/executor-pod/names.ts';
import { executors, type ServedExecutor } from '../../src/operator/own-kinds.ts';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';
import { seeded } from '../faults/seeded.ts';
import { useEnabledNamespace } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { childrenOf, inventory, nameOf } from './inventory.ts';
import { Kubectl } from './kubectl.ts';
import { OperatorAccount } from './operator-process.ts';
import { PlayedNode, placement } from './played-node.ts';
import { RELEASE, useProduct } from './product.ts';
import { PRODUCT_IMAGE } from './product-image.ts';
import { until, untilAll } from './until.ts';

const EXECUTORS = 30;
const KILLS = 30;
/** A life of the operator ends at a random moment of its first so many milliseconds as the leader. */
const LONGEST_LIFE_MS = 2_500;
/** What a graceful hand-over may take (`issue 4`, 8). Milliseconds. */
const HAND_OVER_MS = 2_000;
const HAND_OVERS = 3;
const NODE = 'played';
/** One name for all its lives: the next one leads at once, and does not wait for the Lease of the last to run out. */
const KILLED = 'killed-again-and-again';

describe('the operator', () => {
  useProduct();
  const { name: namespace, kubectl } = useEnabledNamespace('kills');
  let connection: Cluster;
  let api: ObjectApi;
  let node: PlayedNode;
  let operators: OperatorAccount;

  beforeAll(async () => {
    const { kubeconfig } = cluster();
    connection = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-e2e' });
    api = connection.api;
    // Those that are killed run here, with the same rights: a container that is killed often is started again ever later.
    await new Kubectl(cluster(), RELEASE).run(['scale', 'deployment', '--all', '--replicas=0']);
    await new Kubectl(cluster(), RELEASE).run(['wait', '--for=delete', 'pod', '--all', '--timeout=60s'], {
      seconds: 90,
    });
    operators = await OperatorAccount.open();
    node = new PlayedNode(api, NODE);
    await node.start(namespace);
    await kubectl.apply({ apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Relay', metadata: { name: 'main' }, spec: {} });
    const first = operators.start('first');
    await kubectl.wait('relay/main', 'condition=Ready', 120);
    await first.stop();
  }, 240_000);
  afterAll(async () => {
    await operators?.close();
    await kubectl.run(['delete', 'executors,relays', '--all', '--timeout=60s'], { seconds: 90 });
    await node?.stop();
    await connection?.close();
  });

  it(`killed at ${KILLS} random moments while ${EXECUTORS} Executors come, change and go, makes nothing twice and leaves nothing behind`, async () => {
    const seed = Number(process.env.NOISEFLEET_E2E_SEED ?? randomInt(2 ** 31));
    print(`NOISEFLEET_E2E_SEED=${seed}`);
    const random = seeded(seed);
    const keys = watchKeys();
    const steps = plan(EXECUTORS);
    const stepsALife = Math.ceil(steps.length / KILLS);
    for (let life = 0; life < KILLS; life++) {
      const operator = operators.start(KILLED);
      const now = steps.slice(life * stepsALife, (life + 1) * stepsALife);
      await Promise.all([take(now), operator.leading.then(() => pause(random() * LONGEST_LIFE_MS))]);
      await operator.kill();
    }
    const last = operators.start(KILLED);
    const started = performance.now();
    const settled = await untilSettled(outcomeOf(steps));
    print(`${inSeconds(performance.now() - started)} until all was as it should be, after ${KILLS} kills`);

    await expectOnePodEach(settled);
    await expectOneKeyEach(settled);
    await expectNoOrphans(settled);
    expect(await keys.stop()).toEqual([]);
    await last.stop();
  }, 400_000);

  it('hands over to another replica in a moment when it is asked to end, and in the time of a Lease when it is killed', async () => {
    let leader = operators.start('replica-0');
    await leader.leading;
    const took: number[] = [];
    for (let turn = 1; turn <= HAND_OVERS; turn++) {
      const next = operators.start(`replica-${turn}`);
      await next.ready();
      const asked = performance.now();
      await Promise.all([leader.stop(), untilHolder(`replica-${turn}`)]);
      took.push(performance.now() - asked);
      leader = next;
    }
    const heir = operators.start('heir');
    await heir.ready();
    const killed = performance.now();
    await leader.kill();
    await untilHolder('heir');
    print(`${took.map(inSeconds).join(', ')} for a hand-over; ${inSeconds(performance.now() - killed)} after a kill`);
    await heir.stop();

    expect(took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)]).toBeLessThan(HAND_OVER_MS);
  });

  it('follows a pod that fails by one under another name, at once and then after a pause', async () => {
    const operator = operators.start(KILLED);
    await kubectl.apply(executor('fails', specOf('first')));
    const first = await untilPod('to have a pod', (pod) => pod.attempt === 1 && pod.uid !== undefined);
    await node.fail({ namespace, name: first.name });
    const second = await untilPod('to have a second', (pod) => pod.attempt === 2 && pod.uid !== undefined);
    await node.fail({ namespace, name: second.name });
    const paused = await untilPod('to wait', (pod) => pod.retryTime !== undefined);
    await kubectl.wait('executor/fails', 'jsonpath={.status.conditions[?(@.type=="PodReady")].reason}=Restarting', 30);
    const third = await untilPod('to have a third', (pod) => pod.attempt === 3 && pod.uid !== undefined);
    await operator.stop();

    expect(paused).toMatchObject({ attempt: 3, failures: 2 });
    expect(new Set([first, second, third].map(({ name }) => name)).size).toBe(3);
  });

  /** `status.pod` of the Executor that fails, once it is so. */
  async function untilPod(what: string, holds: (pod: PodStatus) => boolean): Promise<PodStatus> {
    const ref = { namespace, name: 'fails' };
    const isSo = (found: ServedExecutor | undefined) => found?.status.pod !== undefined && holds(found.status.pod);
    const pod = (await until(api, executors, ref, what, isSo))?.status.pod;
    if (pod === undefined) throw new Error(`the Executor is gone that had ${what}`);
    return pod;
  }

  /** Does as people would, all at once. */
  async function take(steps: readonly Step[]): Promise<void> {
    const gone = steps.filter(({ spec }) => spec === undefined);
    const there = steps.flatMap(({ name, spec }) => (spec === undefined ? [] : [executor(name, spec)]));
    if (there.length > 0) await kubectl.apply(...there);
    for (const { name } of gone) await api.delete(executors, { namespace, name });
  }

  function untilSettled(wanted: ReadonlyMap<string, object>): Promise<ReadonlyMap<string, ServedExecutor>> {
    return untilAll(api, executors, { namespace, what: 'every Executor to be as its spec says' }, (all) => {
      return (
        all.size === wanted.size &&
        [...all.values()].every((each) => wanted.has(nameIn(each)) && isSettled(each)) &&
        all
      );
    });
  }

  /** The pod of status is there, and no other that is not on its way out. */
  async function expectOnePodEach(settled: ReadonlyMap<string, ServedExecutor>): Promise<void> {
    const fences = [...settled.values()].flatMap(({ status }) => status.pod?.uid ?? []).sort();
    const running = await untilAll(api, pods, { namespace, what: 'one pod for each Executor' }, (all) => {
      const played = [...all.values()].filter(({ spec }) => spec?.nodeName === NODE);
      return played.length === fences.length && played;
    });
    expect(running.map(({ metadata }) => metadata.uid).sort()).toEqual(fences);
  }

  async function expectOneKeyEach(settled: ReadonlyMap<string, ServedExecutor>): Promise<void> {
    for (const [name, { status }] of settled) {
      const { data = {} } = await api.get(secrets, { namespace, name: executorNames({ name }).keys });
      expect(Object.keys(data), name).toEqual(['k1.json']);
      expect(status.keys, name).toHaveLength(1);
    }
  }

  async function expectNoOrphans(settled: ReadonlyMap<string, ServedExecutor>): Promise<void> {
    const owners = new Set([...settled.values()].map(({ metadata }) => metadata.uid));
    const orphans = async () => {
      const children = childrenOf(await inventory(kubectl), 'Executor');
      return children
        .filter(({ metadata }) => !metadata.ownerReferences.some(({ uid }) => owners.has(uid)))
        .map(nameOf);
    };
    await expect.poll(orphans, { timeout: 60_000, interval: 1_000 }).toEqual([]);
  }

  /** A key that was once recorded is never another one later, whatever was killed in between. */
  function watchKeys() {
    const seen = new Map<string, string>();
    const changed: string[] = [];
    const stopping = new AbortController();
    const log = createLogger({ component: 'test', level: 'silent' });
    const informer = new Informer({ api, resource: executors, clock: systemClock, log });
    informer.onChange(({ object: { metadata, status } }) => {
      for (const { id, fingerprint } of status.keys) {
        const key = `${metadata.name} ${metadata.uid} ${id}`;
        if (fingerprint === undefined) continue;
        if ((seen.get(key) ?? fingerprint) !== fingerprint) changed.push(key);
        seen.set(key, fingerprint);
      }
    });
    informer.follow([namespace]);
    const running = informer.run(stopping.signal);
    return {
      async stop(): Promise<readonly string[]> {
        stopping.abort();
        await running;
        return changed;
      },
    };
  }

  async function untilHolder(identity: string): Promise<void> {
    const lease = { namespace: RELEASE, name: 'noisefleet-operator' };
    await until(api, leases, lease, `to be held by ${identity}`, (held) => held?.spec?.holderIdentity === identity);
  }
});

/** Of an Executor: its spec from now on, or undefined for its deletion. */
interface Step {
  readonly name: string;
  readonly spec: object | undefined;
}

/** All come; each is changed; those suspended go on; a third is deleted, and half of these come again. */
function plan(count: number): Step[] {
  const names = Array.from({ length: count }, (_, index) => `e${String(index).padStart(2, '0')}`);
  const ofThird = (third: number) => names.filter((_, index) => index % 3 === third);
  const step = (name: string, spec: object | undefined): Step => ({ name, spec });
  const deleted = ofThird(0);
  return [
    ...names.map((name) => step(name, specOf('first'))),
    ...names.map((name, index) =>
      step(name, index % 3 === 1 ? { ...specOf('first'), ...SUSPENDED } : specOf('second')),
    ),
    ...ofThird(1)
      .slice(0, count / 6)
      .map((name) => step(name, specOf('first'))),
    ...deleted.map((name) => step(name, undefined)),
    ...deleted.slice(0, count / 6).map((name) => step(name, specOf('third'))),
  ];
}

/** What there is after all steps. */
function outcomeOf(steps: readonly Step[]): Map<string, object> {
  const outcome = new Map<string, object>();
  for (const { name, spec } of steps) {
    if (spec === undefined) outcome.delete(name);
    else outcome.set(name, spec);
  }
  return outcome;
}

const SUSPENDED = { operatingMode: 'Suspended' };

function specOf(round: string) {
  const container = { name: 'workspace', image: PRODUCT_IMAGE, env: [{ name: 'ROUND', value: round }] };
  const template = { spec: { ...placement(NODE), containers: [container] } };
  return { relayRef: { name: 'main' }, updatePolicy: 'Immediate', operatingMode: 'Running', template };
}

function executor(name: string, spec: object) {
  return { apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor', metadata: { name }, spec };
}

function nameIn({ metadata }: ServedExecutor): string {
  return metadata.name;
}

/** The operator has looked at this very spec and nothing is on its way. */
function isSettled({ metadata, spec, status }: ServedExecutor): boolean {
  const { conditions, observedGeneration, pod } = status;
  if (observedGeneration !== metadata.generation || metadata.deletionTimestamp !== undefined) return false;
  const podReady = conditions.find(({ type }) => type === 'PodReady');
  if (spec.operatingMode === 'Suspended') return podReady?.reason === 'Suspended' && pod?.uid === undefined;
  return podReady?.status === 'True' && pod?.uid !== undefined;
}

function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function print(line: string): void {
  process.stdout.write(`  ${line}\n`);
}
