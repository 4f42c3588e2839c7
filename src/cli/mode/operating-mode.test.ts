import { beforeEach, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../api/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { executors } from '../cluster/kinds.ts';
import { type OperatingMode, setOperatingMode, waitForMode } from './operating-mode.ts';

const build = { namespace: 'team-a', name: 'build' };
const MINUTE_MS = 60_000;

describe('the operating mode of an executor', () => {
  let clock: ManualClock;
  let server: MemoryApiServer;

  beforeEach(async () => {
    clock = new ManualClock();
    server = new MemoryApiServer({ clock });
    server.define(executors);
    const object = {
      apiVersion: API_VERSION,
      kind: 'Executor',
      metadata: build,
      ...{ spec: { relayRef: { name: 'main' } } },
    };
    await server.api().create(executors, object);
  });

  /** Plays the operator. */
  async function tell(status: string, reason: string, more: object = {}, type = 'Ready') {
    const { metadata } = await server.api().get(executors, build);
    const lastTransitionTime = '2026-11-21T08:00:00Z';
    const conditions = [{ type, status, reason, message: 'so it is', lastTransitionTime }];
    const patch = { status: { observedGeneration: metadata.generation, conditions, ...more } };
    await server.api().patch(executors, build, { type: 'merge', body: patch }, { subresource: 'status' });
  }

  async function change(mode: OperatingMode) {
    const since = await setOperatingMode(server.api(), build, mode);
    const waited = waitForMode(server.api(), build, { mode, since, timeoutMs: MINUTE_MS, clock });
    let done = false;
    waited.then(
      () => {
        done = true;
      },
      () => {},
    );
    await settle();
    return { waited, isDone: () => done };
  }

  it('is changed in the spec, by the user and not by the operator', async () => {
    await setOperatingMode(server.api(), build, 'Suspended');
    const { raw } = await server.api().get(executors, build);
    expect(raw).toMatchObject({ spec: { operatingMode: 'Suspended', relayRef: { name: 'main' } } });
    expect(raw.metadata.managedFields?.map(({ manager }) => manager)).toContain('noisefleet-cli');
  });

  it('is suspended when the operator says so and the pod is no longer the one that counts', async () => {
    await tell('True', 'Registered', { pod: { name: 'build-1', uid: 'p', attempt: 1 } });
    const { waited, isDone } = await change('Suspended');
    expect(isDone()).toBe(false);
    await tell('False', 'Suspended');
    await settle();
    expect(isDone()).toBe(false);
    await tell('False', 'Suspended', { pod: { name: 'build-2', uid: null, attempt: 2 } });
    await waited;
  });

  it('is not taken for resumed by what was true before', async () => {
    await tell('True', 'Registered');
    await setOperatingMode(server.api(), build, 'Suspended');
    const { waited, isDone } = await change('Running');
    expect(isDone()).toBe(false);
    await tell('True', 'Registered');
    await waited;
  });

  it('is given up with the reason when somebody must mend something first', async () => {
    const { waited } = await change('Running');
    await tell('True', 'PodRefused', {}, 'Stalled');
    await expect(waited).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('PodRefused: so it is'),
    });
  });

  it('is not ready after the time that was given', async () => {
    await tell('Unknown', 'PodPending');
    await setOperatingMode(server.api(), build, 'Suspended');
    const { waited } = await change('Running');
    await tell('Unknown', 'PodPending');
    await settle();
    clock.advance(MINUTE_MS);
    await expect(waited).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('team-a/build is not Running after 60 s: PodPending: so it is (not_ready)'),
    });
  });

  it('of one that is deleted meanwhile is no longer waited for', async () => {
    const { waited } = await change('Running');
    await server.api().delete(executors, build);
    await expect(waited).rejects.toThrow('team-a/build was deleted (not_found)');
  });

  it('of one that is not there, or that is not ours to change, is refused with what to do', async () => {
    await expect(setOperatingMode(server.api(), { ...build, name: 'x' }, 'Running')).rejects.toThrow('not_found');
    const message = 'forbidden: User "jane" cannot patch resource';
    const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message, code: 403 };
    server.intercept(() => ({ status: 403, body }));
    await expect(setOperatingMode(server.api(), build, 'Running')).rejects.toThrow(
      'kubectl create rolebinding noisefleet-edit -n team-a --clusterrole=noisefleet-edit --user=jane',
    );
  });
});
