import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VaultKeyStore } from '../../src/keys/index.ts';
import { keyStoreConformance } from '../../src/keys/testing/conformance.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import type { Bao } from './bao.ts';
import { GuidedBao } from './guided-bao.ts';
import { GUIDE_POLICY } from './policy.ts';
import type { ServiceAccounts } from './service-accounts.ts';

let guided: GuidedBao;
let bao: Bao;
let accounts: ServiceAccounts;

beforeAll(async () => {
  guided = await GuidedBao.start();
  ({ bao, accounts } = guided);
});
afterAll(async () => {
  await guided?.close();
});

function open(namespace?: string): VaultKeyStore {
  const settings = { ...guided.settings(), namespace };
  return new VaultKeyStore({ settings, clock: systemClock, environment: {} });
}

/** Everything that tests left, so that each finds nothing. */
async function empty(path: string): Promise<void> {
  for (const name of await bao.list(`kv/metadata/${path}`)) {
    if (name.endsWith('/')) await empty(`${path}${name}`);
    else await bao.must('DELETE', `kv/metadata/${path}${name}`);
  }
}

keyStoreConformance({
  name: 'OpenBao',
  takesNotes: true,
  retains: true,
  open: async () => {
    await empty('');
    const [store, other] = [open(), open()];
    return {
      store,
      other,
      damage: async ({ namespace, name }, id, bytes) => {
        const data = { keyFile: Buffer.from(bytes).toString('base64') };
        await bao.must('POST', `kv/data/production/${namespace}/${name}/${id}`, { options: { cas: 1 }, data });
      },
      close: () => {
        for (const each of [store, other]) each.close();
      },
    };
  },
});

describe('OpenBao', () => {
  const build = { namespace: 'team-a', name: 'build', uid: 'uid-1' };
  const entry = 'production/team-a/build/k1';

  it('holds a key at the documented path, with its owner and its state, and one version', async () => {
    await empty('');
    const store = open();
    const { fingerprint } = await store.create(build, 'k1');
    expect(await bao.must('GET', `kv/metadata/${entry}`)).toMatchObject({
      data: {
        cas_required: true,
        current_version: 1,
        custom_metadata: { owner: 'noisefleet/production/team-a/build', state: 'Prepared', fingerprint },
      },
    });
    await store.destroy(build, 'k1', 'Destroy');
    expect((await bao.root('GET', `kv/metadata/${entry}`)).status).toBe(404);
    store.close();
  });

  it('keeps an entry that does not say that it is ours', async () => {
    await empty('');
    await bao.must('POST', `kv/data/${entry}`, { data: { mine: 'yes' } });
    const store = open();
    const notOwned = { code: 'not_owned' };
    await expect(store.create(build, 'k1')).rejects.toMatchObject(notOwned);
    await expect(store.list(build)).rejects.toMatchObject(notOwned);
    await expect(store.destroy(build, 'k1', 'Destroy')).rejects.toMatchObject(notOwned);
    expect(await bao.must('GET', `kv/data/${entry}`)).toMatchObject({ data: { data: { mine: 'yes' } } });
    store.close();
  });

  it('is given the key again when a crash came between owner and key, or somebody deleted the version', async () => {
    await empty('');
    const owner = 'noisefleet/production/team-a/build';
    await bao.must('POST', `kv/metadata/${entry}`, { custom_metadata: { owner, state: 'Pending' } });
    const store = open();
    expect(await store.list(build)).toEqual([]);
    const first = await store.create(build, 'k1');
    await bao.must('DELETE', `kv/data/${entry}`);
    expect(await store.list(build)).toEqual([]);
    const second = await store.create(build, 'k1');
    expect(second.fingerprint).not.toBe(first.fingerprint);
    expect(await store.list(build)).toMatchObject([second]);
    store.close();
  });

  it('is used in a namespace of its own', async () => {
    await bao.must('POST', 'sys/namespaces/team', {});
    await bao.must('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } }, 'team');
    await bao.must('POST', 'sys/policies/acl/noisefleet', { policy: GUIDE_POLICY }, 'team');
    const token = await bao.must('POST', 'auth/token/create', { policies: ['noisefleet'] }, 'team');
    const tokenFile = accounts.writeFile(
      String(Reflect.get(Object(Reflect.get(Object(token), 'auth')), 'client_token')),
    );
    const settings = {
      address: bao.address,
      mount: 'kv',
      cluster: 'production',
      ca: bao.ca,
      namespace: 'team',
      login: { type: 'Token', tokenFile },
    } as const;
    const store = new VaultKeyStore({ settings, clock: systemClock, environment: {} });
    await store.create(build, 'k1');
    expect((await bao.root('GET', `kv/metadata/${entry}`, undefined, 'team')).status).toBe(200);
    store.close();
  });
});
