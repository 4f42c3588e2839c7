import { describe, expect, it } from 'vitest';
import { KeyKeeper } from '../../keys/index.ts';
import { heard, key, NOW, observe } from '../../keys/testing/cases.ts';
import { MemoryKeyStore } from '../../keys/testing/memory-key-store.ts';
import { reconcileKeys } from './reconcile.ts';

const holder = { namespace: 'team-a', name: 'build', uid: 'uid-1' };

it('pokes a pod once for one change, though its cache shows the poke only later', async () => {
  const store = new MemoryKeyStore();
  const { fingerprint } = await store.create(holder, 'k1');
  const pokes: string[] = [];
  const keeper = new KeyKeeper({
    store,
    poke: async (_holder, value) => void pokes.push(value),
    confirm: async () => {},
  });
  const keys = [key('k1', 'Prepared', { fingerprint })];
  const place = { reachable: true, keys: await store.list(holder) } as const;
  const seen = observe({ keys, store: place, secret: undefined, heard: heard() });
  const pod = { startTime: NOW - 60_000, poked: undefined };
  await reconcileKeys(keeper, { ...seen, holder, pod, now: NOW }, () => {}, AbortSignal.timeout(60_000));

  expect(pokes).toHaveLength(1);
});

describe('what lies in the place of a key', () => {
  async function messageOf(state: 'Pending' | 'Active'): Promise<string | undefined> {
    const store = new MemoryKeyStore();
    store.tamper(holder, 'k1', Buffer.from('no key'));
    const secret = new MemoryKeyStore();
    const keeper = new KeyKeeper({ store, secret, poke: async () => {}, confirm: async () => {} });
    const seen = observe({ keys: [key('k1', state)], store: { reachable: true, keys: await store.list(holder) } });
    const result = await reconcileKeys(keeper, { ...seen, holder, now: NOW }, () => {}, AbortSignal.timeout(60_000));
    return result.stall?.message;
  }

  it('of one that was never made is to be taken out, and of one in use to be replaced by it', async () => {
    expect(await messageOf('Pending')).toMatch(/Take it out, and k1 is made\.$/);
    expect(await messageOf('Active')).toMatch(/Restore it there, or revoke k1 to have a new key made\.$/);
  });
});
