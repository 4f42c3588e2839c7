import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, connectToCluster, defineResource, type KubeObject } from '../../src/kube/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { useEnabledNamespace } from './agents-namespace.ts';
import { cluster } from './cluster-fixture.ts';
import { type ConditionLike, type Kstatus, kstatusOf, type Observable } from './kstatus.ts';
import { Kubectl, KubectlError } from './kubectl.ts';
import { helm, RELEASE, useProduct } from './product.ts';
import { untilAll } from './until.ts';

/** An object as the API server has it, not as our own schemas complete it. */
type Raw = KubeObject & Observable;
const raw = (kind: string, plural: string) =>
  defineResource<Raw>({ group: 'noisefleet.dev', version: 'v1alpha1', kind, plural });
const KINDS = {
  Relay: raw('Relay', 'relays'),
  Executor: raw('Executor', 'executors'),
  ExecutorGrant: raw('ExecutorGrant', 'executorgrants'),
} as const;
type Kind = keyof typeof KINDS;
const ALL: readonly Kind[] = ['Relay', 'Executor', 'ExecutorGrant'];

/** What keeps a deleted object in sight. */
const HOLD = 'e2e.example.org/hold';

/** How long `kubectl wait` waits where it shall wait in vain. Seconds. */
const IN_VAIN_SECONDS = 1;

describe('readiness, to kubectl wait, to helm --wait and by the rules of kstatus', () => {
  useProduct();
  const { name: namespace, kubectl } = useEnabledNamespace('readiness');
  const operator = new Kubectl(cluster(), RELEASE);
  const charts = mkdtempSync(join(tmpdir(), 'noisefleet-chart-'));
  let connection: Cluster;

  beforeAll(async () => {
    const { kubeconfig } = cluster();
    connection = await connectToCluster({ kubeconfig, clock: systemClock, userAgent: 'noisefleet-e2e' });
  });
  afterAll(async () => {
    rmSync(charts, { recursive: true, force: true });
    await connection?.close();
  });

  it('is in progress before anybody has looked', async () => {
    await operator.run(['scale', 'deployment', '--all', '--replicas=0']);
    await operator.run(['wait', '--for=delete', 'pod', '--all', '--timeout=60s'], { seconds: 90 });
    await kubectl.apply(...objects('first'));

    for (const kind of ALL) {
      expect(await stateOf(kind, 'first')).toMatchObject({
        metadata: { generation: 1 },
        status: { observedGeneration: -1 },
      });
      await expectAgreement(kind, 'first', 'InProgress');
    }
  });

  it('is in progress in every state on the way, and current in the one that says Ready, and in no other', async () => {
    const seen = ALL.map((kind) => statesUntilReady(kind, 'first'));
    await operator.run(['scale', 'deployment', '--all', '--replicas=1']);

    for (const [index, kind] of ALL.entries()) {
      const states = await seen[index];
      for (const state of states ?? []) expect(kstatusOf(state), JSON.stringify(state.status)).toBe(expected(state));
      await expectAgreement(kind, 'first', 'Current');
    }
  });

  it('is what helm --wait waits for', async () => {
    await helm('install', 'second', chart('second', objects('second')), '--namespace', namespace, ...WAIT);
    for (const kind of ALL) await expectAgreement(kind, 'second', 'Current');
    await helm('uninstall', 'second', '--namespace', namespace, '--wait', '--timeout', '120s');
  });

  it('is in progress again while a new generation is not looked at, and then for what it says', async () => {
    await operator.run(['scale', 'deployment', '--all', '--replicas=0']);
    await operator.run(['wait', '--for=delete', 'pod', '--all', '--timeout=60s'], { seconds: 90 });
    for (const [kind, spec] of CHANGES) await patch(kind, { spec });
    for (const [kind] of CHANGES) await expectAgreement(kind, 'first', 'InProgress');
    await operator.run(['scale', 'deployment', '--all', '--replicas=1']);

    await untilReason('Executor', 'first', 'Suspended');
    await expectAgreement('Executor', 'first', 'InProgress');
    await untilReason('ExecutorGrant', 'first', 'NothingSelected');
    await expectAgreement('ExecutorGrant', 'first', 'Current');
    await kubectl.wait('relay/first', 'condition=Ready', 90);
    await expectAgreement('Relay', 'first', 'Current');
  });

  it('is failed where a human has to mend something, and helm --wait gives up', async () => {
    const stalled = objects('third', {
      Relay: { tls: { type: 'SecretRef', secretRef: { name: 'nobody' } } },
      Executor: { relayRef: { name: 'nobody' } },
      ExecutorGrant: { ...GRANT, expirationTime: '2020-01-01T00:00:00Z' },
    });
    const install = helm('install', 'third', chart('third', stalled), '--namespace', namespace, ...WAIT);
    await expect(install).rejects.toThrow(/third/);
    for (const kind of ALL) await expectAgreement(kind, 'third', 'Failed');
    await helm('uninstall', 'third', '--namespace', namespace, '--wait', '--timeout', '60s');
  });

  it('is terminating, and not ready, while it is being deleted', async () => {
    for (const kind of ALL) await patch(kind, { metadata: { finalizers: [HOLD] } });
    await kubectl.run(['delete', '--wait=false', ...ALL.map((kind) => `${kind.toLowerCase()}/first`)]);
    for (const kind of ALL) {
      await untilReason(kind, 'first', 'Deleting');
      await expectAgreement(kind, 'first', 'Terminating');
      await patch(kind, { metadata: { finalizers: null } });
    }
  });

  /** kstatus and kubectl say the same of the object as it is now: `kubectl wait` succeeds for what is current, and only for that. */
  async function expectAgreement(kind: Kind, name: string, kstatus: Kstatus): Promise<void> {
    const state = await stateOf(kind, name);
    expect(kstatusOf(state), JSON.stringify(state.status)).toBe(kstatus);
    const waiting = kubectl.wait(`${kind.toLowerCase()}/${name}`, 'condition=Ready', IN_VAIN_SECONDS);
    if (kstatus === 'Current') await waiting;
    else await expect(waiting).rejects.toBeInstanceOf(KubectlError);
  }

  function stateOf(kind: Kind, name: string): Promise<Raw> {
    return connection.api.get(KINDS[kind], { namespace, name });
  }

  async function statesUntilReady(kind: Kind, name: string): Promise<Raw[]> {
    const states: Raw[] = [];
    await untilAll(connection.api, KINDS[kind], { namespace, what: `${kind} ${name} to be ready` }, (all) => {
      const state = all.get(name);
      if (state !== undefined) states.push(state);
      return state !== undefined && conditionOf(state, 'Ready')?.status === 'True';
    });
    return states;
  }

  async function untilReason(kind: Kind, name: string, reason: string): Promise<void> {
    await untilAll(connection.api, KINDS[kind], { namespace, what: `${kind} ${name} to be ${reason}` }, (all) => {
      const state = all.get(name);
      return state !== undefined && conditionOf(state, 'Ready')?.reason === reason;
    });
  }

  function patch(kind: Kind, body: object): Promise<Raw> {
    return connection.api.patch(KINDS[kind], { namespace, name: 'first' }, { type: 'merge', body });
  }

  /** A chart with these objects as they are. @returns its folder */
  function chart(name: string, manifests: readonly object[]): string {
    const folder = join(charts, name);
    mkdirSync(join(folder, 'templates'), { recursive: true });
    writeFileSync(join(folder, 'Chart.yaml'), JSON.stringify({ apiVersion: 'v2', name, version: '0.1.0' }));
    const documents = manifests.map((manifest) => JSON.stringify(manifest));
    writeFileSync(join(folder, 'templates', 'objects.yaml'), documents.join('\n---\n'));
    return folder;
  }
});

const WAIT = ['--wait', '--timeout', '120s'];
const GRANT = { subjects: [{ kind: 'ServiceAccount', name: 'dev' }], executorSelector: {} };

/** A change of each kind that makes a new generation. */
const CHANGES: readonly (readonly [Kind, object])[] = [
  ['Relay', { allowedNamespaces: { from: 'All' } }],
  ['Executor', { operatingMode: 'Suspended' }],
  ['ExecutorGrant', { executorSelector: { matchLabels: { tier: 'none' } } }],
];

function objects(name: string, specs: Partial<Record<Kind, object>> = {}) {
  const usual = { Relay: {}, Executor: { relayRef: { name } }, ExecutorGrant: GRANT };
  return ALL.map((kind) => ({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind,
    metadata: { name },
    spec: specs[kind] ?? usual[kind],
  }));
}

function conditionOf({ status }: Raw, type: string): ConditionLike | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** What our own conditions mean in the words of kstatus (`docs/reference.md`). */
function expected(state: Raw): Kstatus {
  if (conditionOf(state, 'Stalled')?.status === 'True') return 'Failed';
  return conditionOf(state, 'Ready')?.status === 'True' ? 'Current' : 'InProgress';
}
