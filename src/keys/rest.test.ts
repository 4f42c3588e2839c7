import { describe, expect, it } from 'vitest';
import { REST_MS, RestingStores } from './rest.ts';
import { DAY, KeysWorld, trueInTheEnd } from './testing/world.ts';

/** Counts what the store is asked from now on. */
function counting(world: KeysWorld): { readonly calls: string[] } {
  const calls: string[] = [];
  world.onMoment = (moment, what) => {
    if (moment === 'before' && what.startsWith('store')) calls.push(what);
  };
  return { calls };
}

async function settled(name = 'build'): Promise<KeysWorld> {
  const world = new KeysWorld({ name });
  world.startPod();
  await world.run(30_000);
  await world.work();
  return world;
}

describe('a store at rest', () => {
  it('is asked nothing, however often somebody looks, until a look is due', async () => {
    const world = await settled();
    const { calls } = counting(world);
    await world.run(REST_MS / 2 - 60_000, 1_000);
    expect(calls).toEqual([]);
    await world.run(REST_MS / 2, 60_000);
    expect(calls).toEqual(['store list']);
  });

  it('of a thousand executors is asked less than once a second, and never by all at once', async () => {
    const looks: number[] = [];
    for (let index = 0; index < 1_000; index++) {
      const rests = new RestingStores();
      const holder = { namespace: 'team-a', name: `build-${index}`, uid: 'uid' };
      for (let now = 0; now < DAY; ) {
        now = rests.remember(holder, [], now);
        looks.push(Math.floor(now / 60_000));
      }
    }
    const minutes = Map.groupBy(looks, (minute) => minute);
    expect(looks.length / (DAY / 1_000)).toBeLessThan(1);
    expect(Math.max(...[...minutes.values()].map((each) => each.length))).toBeLessThan(250);
  });

  it('is looked at before anything is done: a request, an end of an overlap, an edited Secret', async () => {
    const world = await settled();
    const { calls } = counting(world);
    world.request('one');
    await world.run(30_000);
    expect(calls[0]).toBe('store list');
    expect(calls).toContain('store create k2');
    await world.run(DAY, 60_000);
    trueInTheEnd(world);
    calls.length = 0;
    world.secret?.tamper(world.holder, 'k2', undefined);
    await world.work();
    expect(calls[0]).toBe('store list');
    expect(calls).toContain('store read k2');
    expect(world.secret?.fingerprints().has('k2')).toBe(true);
  });

  it('that was restored from an older backup meanwhile is noticed at the next look', async () => {
    const world = await settled();
    const restore = world.store.backup();
    world.request('one');
    await world.run(30_000);
    await world.work();
    restore();
    await world.run(REST_MS, 60_000);
    expect(world.effects).toContain('restore k2');
    trueInTheEnd(world);
  });

  it('is believed for as long as was said, of the same executor, and not by a clock that was ahead', () => {
    const rests = new RestingStores();
    const holder = { namespace: 'team-a', name: 'build', uid: 'one' };
    const until = rests.remember(holder, [], 0);
    expect(until).toBeGreaterThanOrEqual(REST_MS / 2);
    expect(rests.recall(holder, until - 1)).toBeDefined();
    expect(rests.recall(holder, until)).toBeUndefined();
    expect(rests.recall({ ...holder, uid: 'two' }, 1)).toBeUndefined();
    expect(rests.recall(holder, -DAY)).toBeUndefined();
    rests.forget(holder);
    expect(rests.recall(holder, 1)).toBeUndefined();
  });
});
