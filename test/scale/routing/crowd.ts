import type { EnvironmentId } from '../../../src/wire/index.ts';
import type { Claim } from './claim.ts';
import { type HarnessPlan, type Outcome, useOneBundle } from './played-harness.ts';
import { somePublicKey } from './replicas.ts';
import type { RoutingRig } from './routing-rig.ts';
import { LONGEST } from './storm.ts';

/** A ticket is used at once, or after a while in which everything may have changed. Milliseconds. */
const LONGEST_DAWDLE_MS = 1_500;
const DAWDLERS = 0.2;
/** From an event until the last of those whom it concerns knows, on a machine that has too much to do. Milliseconds. */
const SLOW_MACHINE_MS = 5_000;

/** What a harness that keeps its identity and key asks for. */
export type Wish = Omit<HarnessPlan, 'dawdleMs' | 'onWrong'>;

/** Many harnesses. Each does as a real one: after a 401 of a relay it asks `connect` once more, and only once. */
export class Crowd {
  /** How often what came of it. */
  readonly outcomes = new Map<string, number>();
  readonly #rig: RoutingRig;
  readonly #random: () => number;
  readonly #harnesses: readonly Pick<Wish, 'token' | 'publicKey'>[];
  readonly #refused: { readonly claim: Claim; readonly code: string; readonly from: number; readonly to: number }[] =
    [];
  #connects = 0;

  constructor(rig: RoutingRig, random: () => number) {
    this.#rig = rig;
    this.#random = random;
    this.#harnesses = rig.files.clientTokens.map((token) => ({ token, publicKey: somePublicKey() }));
  }

  count(outcome: string): number {
    return this.outcomes.get(outcome) ?? 0;
  }

  /** Of anybody to an environment, or to any. */
  wish(environmentId: EnvironmentId = this.#oneOf(this.#rig.environments).id): Wish {
    return { registryUrl: this.#rig.registryUrl, environmentId, ...this.#oneOf(this.#harnesses) };
  }

  /** Resolves after so many connects. */
  async connect(times: number, atOnce: number): Promise<void> {
    const until = this.#connects + times;
    const one = async () => {
      while (this.#connects < until) await this.satisfy(this.wish());
    };
    await Promise.all(Array.from({ length: atOnce }, one));
  }

  /** @returns what came of it in the end */
  async satisfy(wish: Wish): Promise<Outcome> {
    const first = await this.#use(wish);
    this.#note(nameOf(first));
    if (first.kind !== 'unauthorized') return first;
    const second = await this.#use(wish);
    this.#note(`after a 401: ${nameOf(second)}`);
    return second;
  }

  /** 401s for what was there all the time. To be asked once the rest of the machine has heard of everything too. */
  unexplained(): string[] {
    return this.#refused.flatMap(({ claim, code, from, to }) => {
      const wasThere = !this.#rig.gone(claim).some((at) => at >= from && at <= to);
      return wasThere && code !== 'draining' ? [`401 ${code} for ${JSON.stringify(claim)}, which had not left`] : [];
    });
  }

  async #use(wish: Wish): Promise<Outcome> {
    this.#connects += 1;
    const askedAt = Date.now();
    const dawdleMs = this.#random() < DAWDLERS ? this.#random() * LONGEST_DAWDLE_MS : 0;
    const outcome = await useOneBundle({ ...wish, dawdleMs, onWrong: (what) => this.#rig.wrong.push(what) });
    // What may be so for a moment, and no longer: whoever is concerned may not know it yet.
    const from = askedAt - LONGEST.late - SLOW_MACHINE_MS;
    if (outcome.kind === 'served') this.#lookAt(outcome.claim, from);
    if (outcome.kind === 'unauthorized') this.#refused.push({ ...outcome, from, to: Date.now() + SLOW_MACHINE_MS });
    return outcome;
  }

  #lookAt({ environmentId, registrationId }: Claim, from: number): void {
    const environment = this.#rig.environments.find(({ id }) => id === environmentId);
    const endedAt = environment?.endedAt(registrationId);
    if (endedAt !== undefined && endedAt < from) this.#rig.wrong.push(`${registrationId} served long after its end`);
  }

  #note(outcome: string): void {
    this.outcomes.set(outcome, this.count(outcome) + 1);
  }

  #oneOf<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new RangeError('one of none');
    return item;
  }
}

/** In a few words, the same for all that are alike. */
function nameOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'served':
      return 'served';
    case 'unauthorized':
      return `401 ${outcome.code}`;
    case 'refused':
      return `${outcome.status} ${outcome.code}`;
    case 'lost':
      return `lost at ${outcome.at}`;
    default:
      return outcome satisfies never;
  }
}
