import type { Clock } from '../../telemetry/index.ts';

/** How long an executor has to answer its relay's ping (`our-side.md` §9). */
const ANSWER_MS = 3_000;

/** Questions to relays that wait for their `pong`, by nonce. No answer in time is a no. */
export class Questions {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, (alive: boolean) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ask(nonce: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#clock.after(ANSWER_MS, () => this.answer(nonce, false));
    this.#waiting.set(nonce, (alive) => {
      timer.cancel();
      resolve(alive);
    });
    return promise;
  }

  /** The first answer counts; later and unasked ones are ignored. */
  answer(nonce: string, alive: boolean): void {
    const resolve = this.#waiting.get(nonce);
    this.#waiting.delete(nonce);
    resolve?.(alive);
  }

  close(): void {
    for (const nonce of [...this.#waiting.keys()]) this.answer(nonce, false);
  }
}
