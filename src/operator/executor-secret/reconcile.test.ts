import { expect, it } from 'vitest';
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
