import { beforeEach, describe, expect, it } from 'vitest';
import { API_VERSION, FIELD_MANAGER, KEYS_FINALIZER } from '../../api/index.ts';
import { KeyStoreError } from '../../keys/index.ts';
import { MemoryKeyStore } from '../../keys/testing/memory-key-store.ts';
import { Applier, type KubeObject, type ObjectApi, type Occurrence } from '../../kube/index.ts';
import { MemoryApiServer } from '../../kube/testing/index.ts';
import { createLogger, systemClock } from '../../telemetry/index.ts';
import { Informers } from '../informers.ts';
import { executors } from '../own-kinds.ts';
import type { World } from '../world.ts';
import { holdForKeys, reconcileDeleted } from './keys-left.ts';

const ref = { namespace: 'team-a', name: 'build' };
const HOUR = 3_600_000;
const FORBIDDEN = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'no', code: 403 };
const never = new AbortController().signal;

let server: MemoryApiServer;
let api: ObjectApi;
let store: MemoryKeyStore;
let events: Occurrence[];
let late: number;

const read = () => api.get(executors, ref);
const isGone = async () => (await api.find(executors, ref)) === undefined;
const places = () => ({ store, secret: new MemoryKeyStore() });

function world(): World {
  const log = createLogger({ component: 'operator', level: 'silent' });
  const clock = { ...systemClock, now: () => systemClock.now() + late };
  return {
    api,
    log,
    clock,
    applier: new Applier({ api, fieldManager: FIELD_MANAGER }),
    events: { record: (_, occurrence) => events.push(occurrence) },
    stores: new Informers({ api, clock, log }).stores,
    synced: () => true,
  };
}

/** An executor with a key in the store, which is being deleted. */
beforeEach(async () => {
  server = new MemoryApiServer({ clock: systemClock });
  server.define<KubeObject>(executors);
  api = server.api();
  store = new MemoryKeyStore();
  events = [];
  late = 0;
  const spec = { relayRef: { namespace: 'agents', name: 'main' } };
  await api.create(executors, { apiVersion: API_VERSION, kind: 'Executor', metadata: ref, ...{ spec } });
  expect(await holdForKeys(world(), places(), await read(), never)).toBe(true);
  expect(await holdForKeys(world(), places(), await read(), never)).toBe(false);
  await store.create((await read()).metadata, 'k1');
  await api.delete(executors, ref);
});

const away = () => {
  store.fault = () => {
    throw new KeyStoreError('unavailable', 'test', 'Vault does not answer');
  };
};

describe('the end of an executor whose keys lie elsewhere', () => {
  it('takes them out first', async () => {
    expect((await read()).metadata.finalizers).toEqual([KEYS_FINALIZER]);
    await reconcileDeleted(world(), places(), await read(), never);
    expect(store.fingerprints().size).toBe(0);
    expect(await isGone()).toBe(true);
    expect(events).toEqual([]);
  });

  it('waits an hour for a store that is away, and says so, then goes and names what may be left', async () => {
    away();
    const again = await reconcileDeleted(world(), places(), await read(), never);
    expect(again?.requeueAt).toBeGreaterThan(systemClock.now());
    const [ready] = (await read()).status.conditions;
    expect(ready?.message).toContain('Vault does not answer');
    late = HOUR - 60_000;
    await reconcileDeleted(world(), places(), await read(), never);
    expect(await isGone()).toBe(false);
    late = HOUR + 1_000;
    await reconcileDeleted(world(), places(), await read(), never);
    expect(await isGone()).toBe(true);
    expect(events).toMatchObject([{ type: 'Warning', reason: 'KeysLeftBehind' }]);
  });

  it('leaves alone who else holds it', async () => {
    const finalizers = ['example.org/hold', KEYS_FINALIZER];
    await api.patch(executors, ref, { type: 'merge', body: { metadata: { finalizers } } });
    await reconcileDeleted(world(), places(), await read(), never);
    expect((await read()).metadata.finalizers).toEqual(['example.org/hold']);
  });

  it('is told how to let it go when the operator has no right to any more, as after a change back to Secrets', async () => {
    const { store: secretsAlone } = places();
    const refuse = server.intercept(({ method, path }) =>
      method === 'PATCH' && !path.includes('/status?') ? { status: 403, body: FORBIDDEN } : undefined,
    );
    const again = await reconcileDeleted(world(), { store: secretsAlone }, await read(), never);
    expect(again?.requeueAt).toBeGreaterThan(systemClock.now());
    const [ready] = (await read()).status.conditions;
    expect(ready?.message).toContain('kubectl patch executor build -n team-a');
    expect(events).toEqual([]);
    refuse();
    await reconcileDeleted(world(), { store: secretsAlone }, await read(), never);
    expect(await isGone()).toBe(true);
  });

  it('is not held up when keys lie in the Secret alone', async () => {
    const { store: secretsAlone } = places();
    expect(await holdForKeys(world(), { store: secretsAlone }, await read(), never)).toBe(false);
    away();
    await reconcileDeleted(world(), { store: secretsAlone }, await read(), never);
    expect(await isGone()).toBe(true);
  });
});
