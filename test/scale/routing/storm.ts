import { setTimeout as delay } from 'node:timers/promises';
import { seeded } from '../../faults/seeded.ts';
import type { RoutingRig } from './routing-rig.ts';

/** Longest times in milliseconds; each is drawn anew. */
export const LONGEST = {
  /** Between two blows of one kind. */
  registryLives: 2_500,
  relayLives: 2_000,
  presencePause: 500,
  executorPause: 400,
  /** Until what was killed is started again. */
  dead: 600,
  /** Presence that comes late; a relay and a registry give each other up after 10 s of silence. */
  late: 1_500,
};
/** Shares of what happens. */
const KILLED = 0.7;
const CUT = 0.7;
const EXECUTOR_EVENTS = ['move', 'move', 'rotate', 'leave'] as const;

/** Everything that may befall the parts of a rig, at random and all at once, until it is told to end. */
export class Storm {
  readonly blows = new Map<string, number>();
  readonly #rig: RoutingRig;
  readonly #over = new AbortController();
  readonly #lanes: Promise<void>;

  /** What each kind of blow is, and in which order, is the seed's; when it comes also the machine's. */
  constructor(rig: RoutingRig, seed: number) {
    this.#rig = rig;
    const lanes = [this.#onRegistries, this.#onRelays, this.#onPresence, this.#onExecutors];
    this.#lanes = Promise.all(lanes.map((lane, number) => lane.call(this, seeded(seed + number)))).then(() => {});
    // Whoever waits for the end sees it.
    this.#lanes.catch(() => this.#over.abort());
  }

  /** Resolves when everything runs again. @throws when something did not come back */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#lanes;
  }

  async #onRegistries(random: () => number): Promise<void> {
    while (await this.#pause(random() * LONGEST.registryLives)) {
      const registry = oneOf(this.#rig.registries, random);
      this.#count('registry killed');
      await this.#rig.killRegistry(registry);
      await delay(random() * LONGEST.dead);
      await this.#rig.startRegistry(registry);
    }
  }

  async #onRelays(random: () => number): Promise<void> {
    while (await this.#pause(random() * LONGEST.relayLives)) {
      const relay = oneOf(this.#rig.relays, random);
      const how = random() < KILLED ? 'kill' : 'stop';
      this.#count(how === 'kill' ? 'relay killed' : 'relay drained');
      await this.#rig.endRelay(relay, how);
      await delay(random() * LONGEST.dead);
      await this.#rig.startRelay(relay, this.#rig.freeRelayPort(random));
    }
  }

  async #onPresence(random: () => number): Promise<void> {
    while (await this.#pause(random() * LONGEST.presencePause)) {
      const link = oneOf(this.#rig.links, random);
      if (random() < CUT) {
        this.#count('presence cut');
        link.cut();
        continue;
      }
      this.#count('presence late');
      link.hold();
      await delay(random() * LONGEST.late);
      link.letGo();
    }
  }

  async #onExecutors(random: () => number): Promise<void> {
    while (await this.#pause(random() * LONGEST.executorPause)) {
      const environment = oneOf(this.#rig.environments, random);
      const what = oneOf(EXECUTOR_EVENTS, random);
      this.#count(`executor: ${what}`);
      if (what === 'move') environment.move();
      if (what === 'rotate') environment.rotate();
      if (what !== 'leave') continue;
      await environment.leave();
      await delay(random() * LONGEST.dead);
      environment.come();
    }
  }

  #count(what: string): void {
    this.blows.set(what, (this.blows.get(what) ?? 0) + 1);
  }

  /** False when the storm is over. */
  async #pause(milliseconds: number): Promise<boolean> {
    await delay(milliseconds, undefined, { signal: this.#over.signal }).catch(() => {});
    return !this.#over.signal.aborted;
  }
}

function oneOf<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('one of none');
  return item;
}
