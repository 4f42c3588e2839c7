import type { Clock } from '../telemetry/index.ts';

/** A wait that can be cut short: by `wake` (once), or for good by `stop`. */
export class Pause {
  readonly #clock: Clock;
  #release: (() => void) | undefined;
  #woken = false;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Waits `milliseconds`, or until somebody wakes it. A wake that came before the wait counts. */
  async wait(milliseconds: number): Promise<void> {
    if (this.#woken || this.#stopped || milliseconds <= 0) {
      this.#woken = false;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(milliseconds, resolve);
    this.#release = resolve;
    await promise;
    timer.cancel();
    this.#release = undefined;
    this.#woken = false;
  }

  wake(): void {
    this.#woken = true;
    this.#release?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#release?.();
  }
}
