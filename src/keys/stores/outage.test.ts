import { describe, expect, it } from 'vitest';
import { KeyStoreError, type KeyStoreErrorCode } from '../key-store.ts';
import { MemoryKeyStore } from '../testing/memory-key-store.ts';
import { OutageStore } from './outage.ts';

const holder = { namespace: 'team-a', name: 'build', uid: 'uid' };

function failing() {
  const inner = new MemoryKeyStore();
  const state: { now: number; calls: number; code: KeyStoreErrorCode | undefined } = {
    now: 0,
    calls: 0,
    code: undefined,
  };
  inner.fault = (moment) => {
    if (moment === 'after') return;
    state.calls += 1;
    if (state.code !== undefined) throw new KeyStoreError(state.code, 'test', 'its words');
  };
  return { state, store: new OutageStore(inner, { now: () => state.now }) };
}

describe('a store that is away', () => {
  it.each(['unavailable', 'timeout', 'sealed'] as const)(
    'is asked again only after a while (%s), and everybody hears the same',
    async (code) => {
      const { state, store } = failing();
      state.code = code;
      for (let left = 100; left > 0; left--) {
        await expect(store.list(holder)).rejects.toMatchObject({ code, message: 'its words' });
      }
      expect(state.calls).toBe(1);
      state.now += 5_000;
      state.code = undefined;
      expect(await store.list(holder)).toEqual([]);
      expect(await store.list(holder)).toEqual([]);
      expect(state.calls).toBe(3);
    },
  );

  it('is asked by one at a time when the while is over', async () => {
    const { state, store } = failing();
    state.code = 'timeout';
    await expect(store.list(holder)).rejects.toThrow();
    state.now += 5_000;
    const both = await Promise.allSettled([store.list(holder), store.read(holder, 'k1')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(state.calls).toBe(2);
  });

  it.each(['forbidden', 'not_owned', 'conflict', 'not_found'] as const)(
    'is not one that refuses one executor something: %s',
    async (code) => {
      const { state, store } = failing();
      state.code = code;
      await expect(store.list(holder)).rejects.toMatchObject({ code });
      await expect(store.list(holder)).rejects.toMatchObject({ code });
      expect(state.calls).toBe(2);
    },
  );
});
