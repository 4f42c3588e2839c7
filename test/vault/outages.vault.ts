import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VaultKeyStore, type VaultSettings } from '../../src/keys/index.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import type { Bao } from './bao.ts';
import { GuidedBao } from './guided-bao.ts';
import { GUIDE_POLICY, writePolicy } from './policy.ts';
import type { ServiceAccounts } from './service-accounts.ts';

const build = { namespace: 'team-a', name: 'build', uid: 'uid-1' };

let guided: GuidedBao;
let bao: Bao;
let accounts: ServiceAccounts;
let store: VaultKeyStore;

beforeAll(async () => {
  guided = await GuidedBao.start();
  ({ bao, accounts } = guided);
  store = open();
  await store.create(build, 'k1');
});
afterAll(async () => {
  store?.close();
  await guided?.close();
});

function open(change: Partial<VaultSettings> = {}, environment: NodeJS.ProcessEnv = {}): VaultKeyStore {
  const settings = { ...guided.settings(), ...change };
  return new VaultKeyStore({ settings, clock: systemClock, environment });
}

/** The same store goes on, without anybody's hand on it. */
async function goesOn(): Promise<void> {
  expect(await store.list(build)).toMatchObject([{ id: 'k1' }]);
}

describe('OpenBao', () => {
  it('that is sealed is named so, and used again when it is unsealed', async () => {
    await bao.seal();
    await expect(store.list(build)).rejects.toMatchObject({ code: 'sealed' });
    await bao.unseal();
    await goesOn();
  });

  it('that is gone is not there, and used again when it is back with what it had', async () => {
    await bao.kill();
    await expect(store.list(build)).rejects.toMatchObject({ code: 'unavailable' });
    await bao.run();
    await expect(store.list(build)).rejects.toMatchObject({ code: 'sealed' });
    await bao.unseal();
    await goesOn();
  });

  it('that takes connections and does not answer is given up after the time limit', async () => {
    const impatient = open({ timeout: 300 });
    bao.freeze();
    await expect(impatient.create(build, 'k9')).rejects.toMatchObject({ code: 'timeout' });
    bao.thaw();
    await goesOn();
    impatient.close();
  });

  it('is left alone by a call whose caller has gone', async () => {
    bao.freeze();
    const call = store.list(build, { signal: AbortSignal.timeout(50) });
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    bao.thaw();
    await goesOn();
  });

  it('that forbids it is named so, and used again when the policy is back', async () => {
    await writePolicy(bao, 'path "kv/data/elsewhere/*" { capabilities = ["read"] }');
    await expect(store.list(build)).rejects.toMatchObject({ code: 'forbidden' });
    await writePolicy(bao, GUIDE_POLICY);
    await goesOn();
  });

  it('that revokes every token gives another one by the token that the kubelet has renewed', async () => {
    await goesOn();
    await bao.must('POST', 'sys/leases/revoke-prefix/auth/kubernetes/login');
    await accounts.renewToken();
    await goesOn();
  });

  it('that takes the operator’s token no more forbids it, and nothing else is tried', async () => {
    await bao.must('POST', 'sys/leases/revoke-prefix/auth/kubernetes/login');
    accounts.refuseAll();
    const message = expect.stringContaining('does not take our ServiceAccount token');
    await expect(store.list(build)).rejects.toMatchObject({ code: 'forbidden', message });
    await accounts.renewToken();
    await goesOn();
  });

  it('whose tokens live for a second is used for longer than that', async () => {
    await accounts.setLife(bao, 1, 2);
    const brief = open();
    const end = performance.now() + 3_000;
    while (performance.now() < end) expect(await brief.list(build)).toMatchObject([{ id: 'k1' }]);
    brief.close();
    await accounts.setLife(bao, 600);
  });

  it('without its authority is not taken for OpenBao', async () => {
    const trusting = open({ ca: undefined });
    await expect(trusting.list(build)).rejects.toMatchObject({ code: 'unavailable' });
    trusting.close();
  });

  it('is not asked at all with settings that make it weak', () => {
    expect(() => open({}, { VAULT_SKIP_VERIFY: '1' })).toThrow('VAULT_SKIP_VERIFY');
    expect(() => open({ address: bao.address.replace('https', 'http') })).toThrow('https://');
    expect(() => open({ cluster: '../other' })).toThrow('cluster');
  });
});
