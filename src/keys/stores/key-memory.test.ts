import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/index.ts';
import { ManualClock, settle } from '../../telemetry/testing/manual-clock.ts';
import { KeyMemory } from './key-memory.ts';

const build = { uid: 'uid-1' };

describe('the memory of a process that makes keys', () => {
  let clock: ManualClock;
  let memory: KeyMemory;
  let collections: PromiseWithResolvers<void>[];

  beforeEach(() => {
    clock = new ManualClock();
    collections = [];
    const collect = () => {
      const collection = Promise.withResolvers<void>();
      collections.push(collection);
      return collection.promise;
    };
    memory = new KeyMemory({ clock, log: createLogger({ component: 'test', level: 'silent' }), collect });
  });

  async function collected(index: number): Promise<void> {
    collections[index]?.resolve();
    await settle();
  }

  it('may have a key until it was collected, which asking brings about', async () => {
    expect([memory.lingers(build, 'k1'), collections.length]).toEqual([true, 0]);
    clock.advance(1_000);
    expect([memory.lingers(build, 'k1'), collections.length]).toEqual([true, 1]);
    await collected(0);
    expect([memory.lingers(build, 'k1'), memory.lingers(build, 'k1')]).toEqual([false, false]);
    clock.advance(60_000);
    expect(collections.length).toBe(1);
  });

  it('is collected once for all that are asked for before, and again for one that is asked for meanwhile', async () => {
    memory.lingers(build, 'k1');
    memory.lingers({ uid: 'uid-2' }, 'k1');
    clock.advance(1_000);
    memory.lingers(build, 'k2');
    await collected(0);
    expect(collections.length).toBe(1);
    expect([memory.lingers(build, 'k1'), memory.lingers({ uid: 'uid-2' }, 'k1')]).toEqual([false, false]);
    expect(memory.lingers(build, 'k2')).toBe(true);
    clock.advance(4_999);
    expect(collections.length).toBe(1);
    clock.advance(1);
    await collected(1);
    expect(memory.lingers(build, 'k2')).toBe(false);
  });

  it('is not said to be rid of a key when it could not be collected, and is collected again', async () => {
    memory.lingers(build, 'k1');
    clock.advance(1_000);
    collections[0]?.reject(new Error('no inspector'));
    await settle();
    expect(memory.lingers(build, 'k1')).toBe(true);
    clock.advance(5_000);
    await collected(1);
    expect(memory.lingers(build, 'k1')).toBe(false);
  });
});
