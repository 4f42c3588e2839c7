import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySecretName } from '../../src/keys/index.ts';
import { type Cluster, connectToCluster, secrets } from '../../src/kube/index.ts';
import { executors, type ServedExecutor } from '../../src/operator/own-kinds.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { environmentIdOf } from '../../src/wire/index.ts';
import { useAgents } from './agents-namespace.ts';
import { clientPod, relayAddress } from './client-pod.ts';
import { cluster } from './cluster-fixture.ts';
import { Asking, askingProgram } from './delivery/asking.ts';
import type { Attempt } from './delivery/attempt.ts';
import { whileKubeletStands } from './delivery/kubelet.ts';
import { keysMountedIn, remembering } from './delivery/mounted.ts';
import { SecretsLine } from './delivery/secrets-line.ts';
import { until } from './until.ts';

const NAME = 'build';
const NODE = 'node1';
const ASKER = 'asker';
const REMEMBERING = 'remembering';
/** Side by side, so that some harness asks at every moment though each that is refused waits for 4.5 s. */
const ASKERS = 3;
/** How long the kubelet sees nothing: longer than all pokes but the last. Milliseconds. */
const BLIND_MS = 9_000;
/** So long word that a socket is gone may be under way from a relay to a registry. Milliseconds. */
const WORD_MS = 2_000;
/** Short: of more than three live keys the newest would wait. */
const OVERLAP = '5s';
const READY_SECONDS = 120;
/** A process that is asked to end before it listens to signals is killed after 30 s (it is the first of its container). */
const END_SECONDS = 90;
const SET_UP_LIMIT_MS = 300_000;
const OFFLINE = '409 environment_offline';

describe('what new harnesses are given while the pod, its Secret and its record are of different times', () => {
  const namespace = useAgents('delivery');
  const { kubectl } = namespace;
  const ref = { namespace: namespace.name, name: NAME };
  let known: Cluster | undefined;
  let api: Cluster['api'];
  let asking: Asking;
  let line: SecretsLine | undefined;
  let ended = 0;

  beforeAll(async () => {
    const { kubeconfig } = cluster();
    known = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-e2e' });
    api = known.api;
    // Before anybody asks: a kubelet that is started again ends every `kubectl exec`.
    line = await SecretsLine.lay(NODE);
    await kubectl.apply(EXECUTOR);
    await kubectl.wait('relay/main', 'condition=Ready', READY_SECONDS);
    const address = await relayAddress(kubectl);
    await kubectl.apply(...clientPod({ name: ASKER, serviceAccount: 'dev', files: await askingProgram() }, address));
    for (const object of [`executor/${NAME}`, `pod/${ASKER}`])
      await kubectl.wait(object, 'condition=Ready', READY_SECONDS);
    const environment = environmentIdOf(ref.namespace, ref.name);
    asking = await Asking.start(kubectl, ASKER, { registryURL: address.registryURL, environment, askers: ASKERS });
  }, SET_UP_LIMIT_MS);
  afterAll(async () => {
    asking?.stop();
    await line?.close();
    await known?.close();
  });

  const change = (body: object) => api.patch(executors, ref, { type: 'merge', body });
  const rotate = (value: string) =>
    change({ metadata: { annotations: { 'noisefleet.dev/rotate-requested-at': value } } });
  const setMode = (operatingMode: string) => change({ spec: { operatingMode } });
  /** Waits by a watch until the Executor is so. */
  async function becomes(what: string, holds: (status: ServedExecutor['status']) => boolean) {
    const found = await until(api, executors, ref, what, (each) => each !== undefined && holds(each.status));
    if (found === undefined) throw new Error('the Executor is gone');
    return found.status;
  }
  /** Waits until a key is in a state. @returns its fingerprint */
  async function keyBecomes(id: string, state: string): Promise<string> {
    const { keys } = await becomes(`${id} ${state}`, (status) => stateOf(status, id) === state);
    return keys.find((key) => key.id === id)?.fingerprint ?? '';
  }
  const pod = async () => (await api.get(executors, ref)).status.pod;
  async function endPod(...how: readonly string[]): Promise<void> {
    ended += 1;
    await kubectl.run(['delete', 'pod', (await pod())?.name ?? '', ...how], { seconds: END_SECONDS });
  }
  /** Until a harness that asks from now on is served by this key. @returns what became of all until then */
  async function untilServed(fingerprint: string): Promise<readonly Attempt[]> {
    const from = Date.now();
    const seen: Attempt[] = [];
    while (!seen.some((each) => each.outcome === 'served' && each.from > from && each.key === fingerprint)) {
      seen.push(...(await asking.since()));
      await pause(LOOK_MS);
    }
    return seen;
  }

  it('is the key of before for as long as the kubelet has not seen the new one, and nobody is refused', async () => {
    const k1 = await keyBecomes('k1', 'Active');
    await untilServed(k1);
    let [blind, seeing] = [0, 0];
    await whileKubeletStands(NODE, async () => {
      await rotate('while the kubelet sees nothing');
      await keyBecomes('k2', 'Prepared');
      blind = Date.now();
      await pause(BLIND_MS);
      seeing = Date.now();
      expect(stateOf((await api.get(executors, ref)).status, 'k2')).toBe('Prepared');
    });
    const k2 = await keyBecomes('k2', 'Active');
    await untilServed(k2);

    const meanwhile = asking.attempts.filter(({ from, to }) => from > blind && to < seeing);
    expect(meanwhile.length).toBeGreaterThan(0);
    expect(keysGiven(meanwhile)).toEqual([k1]);
    expect(asking.attempts.filter(({ outcome }) => outcome !== 'served')).toEqual([]);
    expect(keysGiven(asking.attempts)).toEqual([k1, k2]);
  });

  it('is nothing of a pod that is gone from the record, though its sidecar lives, and what its successor has once that is there', async () => {
    const former = await pod();
    let [fenced, seeing] = [0, 0];
    await whileKubeletStands(NODE, async () => {
      await rotate('before the pod is replaced');
      await keyBecomes('k3', 'Prepared');
      // Its processes go on: nobody is there who could end them. The next one may still mount the Secret that the kubelet remembers.
      await endPod('--force', '--grace-period=0');
      await becomes('another pod', (status) => status.pod?.uid !== undefined && status.pod.uid !== former?.uid);
      fenced = Date.now();
      await pause(BLIND_MS);
      seeing = Date.now();
    });
    const k3 = await keyBecomes('k3', 'Active');
    const seen = await untilServed(k3);
    const asked = seen.filter(({ from, to }) => from > fenced && to < seeing);
    expect(asked.filter(({ outcome, from }) => outcome !== 'refused' && from > fenced + WORD_MS)).toEqual([]);
    expect(answersOf(asked)).toContain(OFFLINE);
  });

  it('is nothing while there is no node for the pod, and the newest key when there is', async () => {
    await kubectl.run(['cordon', NODE]);
    try {
      await endPod();
      await becomes('nowhere', ({ conditions }) => conditions.some(({ reason }) => reason === 'PodPending'));
      await rotate('while there is no node');
      await keyBecomes('k4', 'Prepared');
      await untilRefused();
    } finally {
      await kubectl.run(['uncordon', NODE]);
    }
    const k4 = await keyBecomes('k4', 'Active');
    await untilServed(k4);
  });

  it('is nothing of an executor that is suspended in a rotation, which is finished once it is resumed, and one that was asked for meanwhile is made once', async () => {
    await whileKubeletStands(NODE, async () => {
      await rotate('in which it is suspended');
      await keyBecomes('k5', 'Prepared');
      ended += 1;
      await setMode('Suspended');
      await becomes('suspended', ({ pod }) => pod?.uid === undefined);
    });
    await rotate('while it is suspended');
    await untilRefused();
    expect(stateOf((await api.get(executors, ref)).status, 'k5')).toBe('Prepared');
    await setMode('Running');
    await keyBecomes('k5', 'Active');
    const k6 = await keyBecomes('k6', 'Active');
    await untilServed(k6);
    const { keys, formerKeys, conditions } = (await api.get(executors, ref)).status;
    const asked = [...formerKeys, ...keys].filter(({ trigger }) => trigger === 'Annotation').map(({ id }) => id);
    expect(asked).toEqual(['k2', 'k3', 'k4', 'k5', 'k6']);
    expect(conditions.find(({ type }) => type === 'RotationDue')?.status).not.toBe('True');
  });

  it('is the key of before where a pod started from the older Secret, and the newest one by itself once the kubelet has heard of it', async () => {
    const name = keySecretName(ref);
    await kubectl.apply(remembering(REMEMBERING, name));
    await kubectl.wait(`pod/${REMEMBERING}`, 'condition=Ready', READY_SECONDS);
    const others = ['k4', 'k5'];
    await becomes('rid of k4 and k5', ({ formerKeys }) =>
      others.every((id) => formerKeys.some((key) => key.id === id && key.state === 'Destroyed')),
    );
    const former = await pod();

    line?.hold(name);
    await rotate('of which the kubelet does not hear');
    await keyBecomes('k7', 'Prepared');
    await endPod();
    const { keys } = await becomes('another pod that serves', ({ pod, conditions }) => {
      return pod?.uid !== undefined && pod.uid !== former?.uid && isTrue(conditions, 'Ready');
    });
    const k6 = keys.find(({ id }) => id === 'k6')?.fingerprint ?? '';
    const started = Date.now();
    expect(keysMountedIn((await pod())?.name ?? '')).toEqual(['k6.json']);
    expect(Object.keys((await api.get(secrets, { ...ref, name })).data ?? {}).sort()).toEqual(['k6.json', 'k7.json']);
    await untilServed(k6);
    expect(stateOf((await api.get(executors, ref)).status, 'k7')).toBe('Prepared');
    const told = Date.now();
    line?.tell();

    const k7 = await keyBecomes('k7', 'Active');
    await untilServed(k7);
    const meanwhile = asking.attempts.filter(({ from, to }) => from > started && to < told);
    expect(keysGiven(meanwhile)).toEqual([k6]);
    expect(keysGiven(asking.attempts.filter(({ from }) => from > started))).toEqual([k6, k7]);
  });

  it('was at every moment a key that served who was given it, or a refusal with its code', async () => {
    await asking.since();
    const { attempts } = asking;
    expect(new Set(attempts.flatMap((each) => (each.outcome === 'refused' ? [each.answer] : [])))).toEqual(
      new Set([OFFLINE]),
    );
    // Who was on his way when a pod ended asks again, and is not sent there once more.
    const cut = attempts.filter(({ outcome }) => outcome === 'failed');
    expect(cut.length).toBeLessThanOrEqual(ended * ASKERS);
    expect(cut.flatMap((each) => sentThereAgain(each, attempts))).toEqual([]);
    const served = attempts.filter(({ outcome }) => outcome === 'served').length;
    process.stdout.write(
      `  ${served} of ${attempts.length} harnesses were served by the key that they were given, ${cut.length} were on their way when a pod ended, all others refused\n`,
    );
  });

  /** Until every asker has been refused who asked from now on. */
  async function untilRefused(): Promise<void> {
    const from = Date.now() + WORD_MS;
    let refused = 0;
    while (refused < ASKERS) {
      const seen = (await asking.since()).filter((each) => each.from > from);
      expect(answersOf(seen).filter((each) => each !== OFFLINE)).toEqual([]);
      refused += seen.length;
      await pause(LOOK_MS);
    }
  }
});

const LOOK_MS = 500;

const EXECUTOR = {
  apiVersion: 'noisefleet.dev/v1alpha1',
  kind: 'Executor',
  metadata: { name: NAME },
  spec: { relayRef: { name: 'main' }, keys: { rotation: { overlap: OVERLAP } } },
};

function stateOf({ keys }: Pick<ServedExecutor['status'], 'keys'>, id: string): string | undefined {
  return keys.find((key) => key.id === id)?.state;
}

function isTrue(conditions: ServedExecutor['status']['conditions'], type: string): boolean {
  return conditions.some((each) => each.type === type && each.status === 'True');
}

/** Each of the keys that were handed out, in the order in which they were. */
function keysGiven(attempts: readonly Attempt[]): string[] {
  const ordered = attempts.toSorted((a, b) => a.to - b.to);
  return [...new Set(ordered.flatMap((each) => (each.outcome === 'refused' ? [] : [each.key])))];
}

/** Each of the ways in which these ended. */
function answersOf(attempts: readonly Attempt[]): string[] {
  return [...new Set(attempts.map((each) => (each.outcome === 'refused' ? each.answer : each.outcome)))];
}

/** Who asked after this one had failed, and was given the same registration all the same. */
function sentThereAgain(cut: Attempt, attempts: readonly Attempt[]): Attempt[] {
  if (cut.outcome !== 'failed') return [];
  return attempts.filter((each) => {
    const isSame = each.outcome !== 'refused' && each.registration === cut.registration;
    return isSame && each.from > cut.to + WORD_MS;
  });
}
