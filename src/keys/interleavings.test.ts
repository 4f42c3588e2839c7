import fc from 'fast-check';
import { expect, it } from 'vitest';
import { alwaysTrue, Crash, DAY, HOUR, KeysWorld, StatusRefused, trueInTheEnd, unavailable } from './testing/world.ts';

type Event =
  | { readonly type: 'wait'; readonly milliseconds: number }
  | { readonly type: 'step' }
  /** Another process that thinks that it leads, with a status that is older by so many writes. */
  | { readonly type: 'stale step'; readonly behind: number }
  | { readonly type: 'crash'; readonly after: number }
  | { readonly type: 'fail'; readonly place: 'store' | 'secret'; readonly calls: number }
  | { readonly type: 'request'; readonly value: string }
  | { readonly type: 'take the request away' }
  | { readonly type: 'revoke'; readonly key: number }
  | { readonly type: 'restart the pod' | 'stop the pod' | 'edit the Secret' | 'delete the Secret' }
  | { readonly type: 'lag'; readonly milliseconds: number }
  | { readonly type: 'back up the store' | 'restore the store' }
  | { readonly type: 'jump'; readonly milliseconds: number }
  | { readonly type: 'registries'; readonly answer: boolean };

const events = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('step' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(500, 5_000, 60_000, 2 * HOUR),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('stale step' as const), behind: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('crash' as const), after: fc.nat(12) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('fail' as const),
      place: fc.constantFrom('store' as const, 'secret' as const),
      calls: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('request' as const), value: fc.constantFrom('a', 'b', 'c', 'd') }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('take the request away' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('revoke' as const), key: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom(...(['restart the pod', 'stop the pod', 'edit the Secret', 'delete the Secret'] as const)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('lag' as const), milliseconds: fc.constantFrom(0, 2_000, 30_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom('back up the store' as const, 'restore the store' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('jump' as const),
      milliseconds: fc.constantFrom(-DAY, -HOUR, HOUR, 400 * DAY),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('registries' as const), answer: fc.boolean() }) },
);

class History {
  readonly world = new KeysWorld({ policy: { overlap: 2 * HOUR } });
  #crashIn = Number.POSITIVE_INFINITY;
  readonly #failing = { store: 0, secret: 0 };
  #restore: (() => void) | undefined;

  constructor() {
    this.world.onMoment = (_moment, what) => {
      if (this.#crashIn-- === 0) throw new Crash(what);
      const place = what.startsWith('store') ? 'store' : what.startsWith('secret') ? 'secret' : undefined;
      if (place !== undefined && this.#failing[place]-- > 0) unavailable();
    };
  }

  async happen(event: Event): Promise<void> {
    const { world } = this;
    switch (event.type) {
      case 'wait':
        return world.advance(event.milliseconds);
      case 'step':
        return this.#step(world.version);
      case 'stale step':
        return this.#step(Math.max(0, world.version - event.behind));
      case 'crash':
        this.#crashIn = event.after;
        return;
      case 'fail':
        this.#failing[event.place] = event.calls;
        return;
      case 'request':
        return world.request(event.value);
      case 'take the request away':
        world.rotation = undefined;
        return;
      case 'revoke':
        world.revocation = { keyId: `k${event.key}`, proven: false };
        return;
      case 'restart the pod':
        return world.startPod();
      case 'stop the pod':
        world.pod = undefined;
        return;
      case 'edit the Secret': {
        const id = world.record.keys.at(-1)?.id;
        if (id !== undefined) world.secret?.tamper(world.holder, id, Buffer.from('not a key'));
        return;
      }
      case 'delete the Secret':
        for (const id of world.secret?.fingerprints().keys() ?? []) world.secret?.tamper(world.holder, id, undefined);
        return;
      case 'lag':
        world.cacheLag = event.milliseconds;
        return;
      case 'back up the store':
        this.#restore = world.store.backup();
        return;
      case 'restore the store':
        return this.#restore?.();
      case 'jump':
        world.skew += event.milliseconds;
        return;
      case 'registries':
        world.registriesAnswer = event.answer;
        return;
      default:
        return event satisfies never;
    }
  }

  /** Everything works again. */
  async heal(): Promise<void> {
    const { world } = this;
    this.#crashIn = Number.POSITIVE_INFINITY;
    Object.assign(this.#failing, { store: 0, secret: 0 });
    world.cacheLag = 0;
    world.skew = 0;
    world.registriesAnswer = true;
    if (world.pod === undefined) world.startPod();
    await world.run(30 * 60_000, 60_000);
    await world.run(DAY, HOUR);
  }

  async #step(version: number): Promise<void> {
    try {
      await this.world.step(version);
    } catch (error) {
      if (!(error instanceof Crash) && !(error instanceof StatusRefused)) throw error;
    }
  }
}

/** More of them find more, over night: NOISEFLEET_KEYS_RUNS=20000. */
const RUNS = Number(process.env.NOISEFLEET_KEYS_RUNS ?? 150);

it(
  'has exactly one active key in the end, whatever comes between, and never loses or revives one',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(events, { minLength: 5, maxLength: 120 }), async (all) => {
        const history = new History();
        history.world.startPod();
        for (const event of all) {
          await history.happen(event);
          alwaysTrue(history.world);
        }
        await history.heal();
        trueInTheEnd(history.world);
        const asked = history.world.record.handledRequests;
        expect(new Set(asked).size).toBe(asked.length);
      }),
      { numRuns: RUNS },
    );
  },
  1_000 * RUNS,
);
