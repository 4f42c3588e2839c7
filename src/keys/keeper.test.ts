import { describe, expect, it } from 'vitest';
import { encodeKeyFile, generateKeypair } from '../noise/index.ts';
import { Crash, DAY, KeysWorld, StatusRefused, trueInTheEnd, unavailable, type WorldOptions } from './testing/world.ts';

/** An executor with an active key, one hour after it was made. */
async function settled(options?: WorldOptions): Promise<KeysWorld> {
  const world = new KeysWorld(options);
  world.startPod();
  await world.run(30_000);
  trueInTheEnd(world);
  world.advance(3_600_000);
  return world;
}

const states = (world: KeysWorld) => world.record.keys.map(({ id, state }) => `${id} ${state}`);

describe('the keys of an executor', () => {
  it('begin with one that is recorded, made, delivered and active, each before the next', async () => {
    const world = new KeysWorld();
    world.startPod();
    await world.run(10_000);
    expect(world.written.map(({ keys }) => keys[0]?.state)).toEqual([
      undefined,
      'Pending',
      'Prepared',
      'Prepared',
      'Active',
    ]);
    expect(world.effects.slice(0, 3)).toEqual(['create k1', 'deliver k1', 'poke']);
    trueInTheEnd(world);
  });

  it('rotate for a new annotation: the old key is accepted until its overlap ends, and gone then', async () => {
    const world = await settled();
    world.request('one');
    await world.run(30_000);
    expect(states(world)).toEqual(['k1 Retiring', 'k2 Active']);
    expect(world.present.size).toBe(2);
    await world.run(DAY, 60_000);
    expect(states(world)).toEqual(['k1 Destroyed', 'k2 Active']);
    trueInTheEnd(world);
  });

  it('are delivered as they are recorded, or not: not what was put in the place of one between the look and the copy', async () => {
    const world = new KeysWorld();
    const { store, secret, holder } = world;
    world.startPod();
    world.onMoment = (moment, what) => {
      if (`${moment} ${what}` === 'before store read k1') store.tamper(holder, 'k1', encodeKeyFile(generateKeypair()));
    };
    await world.run(30_000);
    expect(store.fingerprints().get('k1')).not.toBe(world.key('k1')?.fingerprint);
    expect(secret?.fingerprints()).toEqual(new Map());
  });

  it('are left alone by a process whose record is no longer the one that is stored', async () => {
    const world = await settled();
    world.request('one');
    await world.step();
    const behind = world.version;
    await world.step(); // k2 is made
    await world.step(); // and recorded
    await world.store.destroy(world.holder, 'k2', 'Destroy');
    await expect(world.step(behind)).rejects.toThrow(StatusRefused);
    expect(world.store.fingerprints().has('k2')).toBe(false);
  });
});

const SCENARIOS: readonly { readonly name: string; readonly run: (world: KeysWorld) => Promise<void> }[] = [
  {
    name: 'a first key',
    run: async (world) => {
      world.startPod();
      await world.run(30_000, 4_000);
      await world.run(120_000, 10_000);
    },
  },
  {
    name: 'a rotation and the retirement of the old key',
    run: async (world) => {
      world.startPod();
      await world.run(60_000, 4_000);
      world.request('one');
      await world.run(30_000, 4_000);
      await world.run(120_000, 10_000);
      await world.run(DAY, 3_600_000);
    },
  },
  {
    name: 'a revocation of the active key',
    run: async (world) => {
      world.startPod();
      await world.run(60_000, 4_000);
      world.revocation = { keyId: 'k1', proven: true, reason: 'it leaked' };
      await world.run(60_000, 4_000);
      await world.run(180_000, 10_000);
    },
  },
];

/** How often the scenario gives an operator a chance to die or to be refused. */
async function momentsOf(run: (world: KeysWorld) => Promise<void>, options: WorldOptions): Promise<string[]> {
  const world = new KeysWorld(options);
  const moments: string[] = [];
  world.onMoment = (moment, what) => moments.push(`${moment} ${what}`);
  await run(world);
  return moments;
}

describe.each([
  { isShared: false, where: 'a store and the Secret' },
  { isShared: true, where: 'the Secret alone' },
])('with keys in $where', ({ isShared }) => {
  describe.each(SCENARIOS)('$name', ({ run }) => {
    const options: WorldOptions = { isShared, isUndisturbed: true, policy: { overlap: 3_600_000 } };

    it('comes to its end wherever the operator dies', async () => {
      const moments = await momentsOf(run, options);
      const effects = moments.flatMap((moment, index) => (moment.includes(' list') ? [] : [index]));
      expect(effects.length).toBeGreaterThan(8);
      for (const at of effects) {
        const world = new KeysWorld(options);
        let seen = 0;
        world.onMoment = () => {
          if (seen++ === at) throw new Crash(`at ${moments[at]}`);
        };
        await run(world);
        expect(seen, `${at}: ${moments[at]}`).toBeGreaterThan(at);
        expectEnd(world, `crash at ${at}: ${moments[at]}`);
      }
    });

    const dependencies = ['store', ...(isShared ? [] : ['secret']), 'status', 'poke'];
    it.each(dependencies)('comes to its end whenever the %s fails for a while', async (dependency) => {
      const moments = await momentsOf(run, options);
      const effects = moments.flatMap((moment, index) => (moment.includes(' list') ? [] : [index]));
      for (const at of effects) {
        const world = new KeysWorld(options);
        let seen = 0;
        let until: number | undefined;
        world.onMoment = (moment, what) => {
          if (seen++ === at) until = world.now + 20_000;
          if (until === undefined || world.now >= until || !what.startsWith(dependency)) return;
          // What was done before it failed stays done.
          if (dependency === 'status' || dependency === 'poke') throw new StatusRefused(`${moment} ${what}`);
          unavailable();
        };
        await run(world);
        expectEnd(world, `${dependency} fails from ${at}: ${moments[at]}`);
      }
    });
  });
});

function expectEnd(world: KeysWorld, what: string): void {
  try {
    trueInTheEnd(world);
  } catch (error) {
    throw new Error(`${what}: ${String(error)}\n${states(world)}\n${world.effects.slice(-20)}`);
  }
}
