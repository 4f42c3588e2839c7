import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeyHolder, VaultKeyStore } from '../../src/keys/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import type { Bao } from './bao.ts';
import { GuidedBao } from './guided-bao.ts';
import { type Capability, capabilitiesOf, GUIDE_POLICY, without, writePolicy } from './policy.ts';

let guided: GuidedBao;
let bao: Bao;
let holder: KeyHolder;
let executors = 0;

beforeAll(async () => {
  guided = await GuidedBao.start();
  ({ bao } = guided);
});
afterAll(async () => {
  await guided?.close();
});

function open(now: () => number = systemClock.now): VaultKeyStore {
  const settings = guided.settings();
  return new VaultKeyStore({ settings, clock: { ...systemClock, now }, environment: {} });
}

/** What the operator does to keys, each by its name; every one needs the key `k1` of the executor. */
const OPERATIONS = {
  'look at the keys': (store: VaultKeyStore) => store.list(holder),
  'read a key': (store: VaultKeyStore) => store.read(holder, 'k1'),
  'make a key': (store: VaultKeyStore) => store.create(holder, 'k2'),
  'note the state of a key': (store: VaultKeyStore) => store.note(holder, 'k1', { state: 'Active' }),
  'destroy a key': (store: VaultKeyStore) => store.destroy(holder, 'k1', 'Destroy'),
} as const;

async function refused(): Promise<string[]> {
  const failed: string[] = [];
  for (const [name, operate] of Object.entries(OPERATIONS)) {
    const store = open();
    await operate(store).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'forbidden' });
      failed.push(name);
    });
    store.close();
  }
  return failed;
}

/** An executor of its own for each case, with a key that was made under the whole policy. */
async function withPolicy(policy: string): Promise<void> {
  await writePolicy(bao, GUIDE_POLICY);
  executors += 1;
  holder = { namespace: 'team-a', name: `build-${executors}`, uid: `uid-${executors}` };
  const store = open();
  await store.create(holder, 'k1');
  store.close();
  await writePolicy(bao, policy);
}

const DATA = 'kv/data/production/*';
const METADATA = 'kv/metadata/production/*';
const EVERYTHING = Object.keys(OPERATIONS);

/** What fails without a capability. The renewal of the token has a test of its own. */
const NEEDED: readonly (Capability & { readonly fails: readonly string[] })[] = [
  { path: DATA, capability: 'update', fails: ['make a key'] },
  { path: DATA, capability: 'read', fails: ['read a key', 'make a key'] },
  { path: METADATA, capability: 'create', fails: ['make a key'] },
  { path: METADATA, capability: 'update', fails: ['make a key', 'note the state of a key'] },
  { path: METADATA, capability: 'read', fails: EVERYTHING.filter((name) => name !== 'read a key') },
  { path: METADATA, capability: 'list', fails: ['look at the keys'] },
  { path: METADATA, capability: 'delete', fails: ['destroy a key'] },
];

describe('the policy of the guide', () => {
  it('allows everything that the operator does', async () => {
    await withPolicy(GUIDE_POLICY);
    expect(await refused()).toEqual([]);
  });

  it.each(NEEDED)(
    'needs $capability on $path: without it the operator cannot $fails',
    async ({ fails, ...capability }) => {
      await withPolicy(without(GUIDE_POLICY, capability));
      expect(await refused()).toEqual(fails);
    },
  );

  it('needs update on auth/token/renew-self: without it a token is not renewed', async () => {
    await writePolicy(bao, GUIDE_POLICY);
    let now = Date.now();
    const tokens = async () => (await bao.list('auth/token/accessors')).length;
    for (const [policy, made] of [
      [GUIDE_POLICY, 1],
      [without(GUIDE_POLICY, { path: 'auth/token/renew-self', capability: 'update' }), 2],
    ] as const) {
      const store = open(() => now);
      await writePolicy(bao, policy);
      const before = await tokens();
      await store.list({ namespace: 'team-a', name: 'nobody', uid: 'uid' });
      now += 450_000; // past two thirds of its ten minutes
      await store.list({ namespace: 'team-a', name: 'nobody', uid: 'uid' });
      expect((await tokens()) - before).toBe(made);
      store.close();
    }
  });

  it('has no capability that is not in this list', () => {
    const listed = [...NEEDED, { path: 'auth/token/renew-self', capability: 'update' }];
    expect(capabilitiesOf(GUIDE_POLICY)).toEqual(
      expect.arrayContaining(listed.map(({ path, capability }) => ({ path, capability }))),
    );
    expect(capabilitiesOf(GUIDE_POLICY)).toHaveLength(listed.length);
  });

  it('lets nobody out of the part of its cluster', async () => {
    await withPolicy(GUIDE_POLICY);
    const settings = { ...guided.settings(), cluster: 'staging' };
    const store = new VaultKeyStore({ settings, clock: systemClock, environment: {} });
    await expect(store.list(holder)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(store.create(holder, 'k1')).rejects.toMatchObject({ code: 'forbidden' });
    store.close();
  });
});
