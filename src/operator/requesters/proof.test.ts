import { beforeEach, describe, expect, it } from 'vitest';
import { ANNOTATIONS, KEYS_POLICY_SPEC } from '../../api/index.ts';
import { defineResource } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import { executors } from '../own-kinds.ts';
import { PolicyProof } from './proof.ts';

const ADMISSION = { group: 'admissionregistration.k8s.io', namespaced: false };
const kinds = [
  { ...ADMISSION, kind: 'ValidatingAdmissionPolicy', plural: 'validatingadmissionpolicies' },
  { ...ADMISSION, kind: 'ValidatingAdmissionPolicyBinding', plural: 'validatingadmissionpolicybindings' },
].map(defineResource);
const [policies, bindings] = kinds;
const NAME = { name: 'noisefleet-keys' };
const BUILD = { namespace: 'team-a', name: 'build' };
const HOUR_MS = 3_600_000;
const LOOK_MS = 10_000;

describe('the proof of who asks', () => {
  let clock: ManualClock;
  let server: MemoryApiServer;
  let proof: PolicyProof;

  beforeEach(async () => {
    clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    for (const kind of [...kinds, executors]) server.define(kind);
    proof = new PolicyProof({ api: server.api(), ...NAME, clock });
    const spec = { relayRef: { name: 'main' } };
    const object = { apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Executor', metadata: BUILD, ...{ spec } };
    await server.api().create(executors, object);
  });

  async function install(): Promise<void> {
    const binding = { policyName: NAME.name, validationActions: ['Deny'] };
    await create(policies, KEYS_POLICY_SPEC);
    await create(bindings, binding);
  }
  async function create(kind: (typeof kinds)[number] | undefined, spec: object): Promise<void> {
    if (kind !== undefined) await server.api().create(kind, { metadata: NAME, ...{ spec } });
  }

  async function ask(requestedBy: string) {
    const annotations = { [ANNOTATIONS.rotateRequestedAt]: 'one', [ANNOTATIONS.requestedBy]: requestedBy };
    const patch = { type: 'merge', body: { metadata: { annotations } } } as const;
    return server.api().patch(executors, BUILD, patch, { fieldManager: 'kubectl-annotate' });
  }

  const { signal } = new AbortController();

  it('is there for a name that was written while the policy is in force', async () => {
    await install();
    clock.advance(HOUR_MS);
    expect(await proof.isProven(await ask('jane'), signal)).toBe(true);
  });

  it('is not there without the policy, and not for a name that was there before it', async () => {
    const early = await ask('jane');
    expect(await proof.isProven(early, signal)).toBe(false);
    clock.advance(HOUR_MS);
    await install();
    clock.advance(HOUR_MS);
    expect(await proof.isProven(early, signal)).toBe(false);
  });

  it('is not there for an object that the cache has not seen yet: somebody else may be asking', async () => {
    await install();
    clock.advance(HOUR_MS);
    const cached = await ask('jane');
    await ask('bob');
    expect(await proof.isProven(cached, signal)).toBe(false);
  });

  it('is looked for again after a while, and is gone with the binding', async () => {
    await install();
    clock.advance(HOUR_MS);
    const asked = await ask('jane');
    const looks = () => server.requests.filter((request) => request.includes('validatingadmissionpolicies')).length;
    const before = looks();
    for (let time = 0; time < 5; time++) expect(await proof.isProven(asked, signal)).toBe(true);
    expect(looks() - before).toBe(1);
    if (bindings !== undefined) await server.api().delete(bindings, NAME);
    clock.advance(LOOK_MS);
    expect(await proof.isProven(asked, signal)).toBe(false);
  });

  it('is not there for whoever may not look, and keys are made all the same', async () => {
    const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'no', code: 403 };
    server.intercept(({ path }) => (path.includes('admission') ? { status: 403, body } : undefined));
    expect(await proof.isProven(await ask('jane'), signal)).toBe(false);
  });
});
