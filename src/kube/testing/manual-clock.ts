import type { Clock, Timer } from '../../telemetry/index.ts';

/** A clock that stands still until a test moves it. Refuses timers of more than an hour, as the real one does. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  constructor(now = Date.parse('2026-11-21T08:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): Timer {
    if (milliseconds > 3_600_000) throw new RangeError(`a timer of ${milliseconds} ms is longer than an hour`);
    const timer = { at: this.#now + Math.max(0, milliseconds), run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  get armed(): number {
    return this.#timers.size;
  }

  /** Moves time, running what falls due in order; what that arms within the span runs too. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let due = this.#next(end); due !== undefined; due = this.#next(end)) {
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }

  /** The same in steps, letting promises run in between, for code that waits by turns for time and for answers. */
  async advanceSlowly(milliseconds: number, stepMs = 100): Promise<void> {
    for (let left = milliseconds; left > 0; left -= stepMs) {
      this.advance(Math.min(stepMs, left));
      await settle();
    }
  }

  #next(end: number) {
    let first: { readonly at: number; readonly run: () => void } | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}

/** Lets everything run that waits only for promises, and for answers that are there already. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
