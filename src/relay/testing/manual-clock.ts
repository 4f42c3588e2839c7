import type { Clock, Timer } from '../../telemetry/index.ts';

/** A clock that stands until a test moves it. Timers run in the order of their times. */
export class ManualClock implements Clock {
  #now: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now = Date.now()) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, milliseconds), run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
      },
    };
  }

  /** The time jumps, as after a suspend: timers that came due in between run with the next `advance`. */
  skip(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Moves on, one timer at a time; between them the event loop runs, so that what a timer sent is seen. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await turn();
    }
    this.#now = end;
    await turn();
  }
}

/** A few turns of the event loop: what was written to a loopback socket has been read. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
