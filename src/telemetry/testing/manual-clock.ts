import type { Clock, Timer } from '../clock.ts';

interface Armed {
  readonly span: number;
  readonly due: number;
  readonly run: () => void;
}

/** As the real clock's. */
const MAX_TIMER_MS = 3_600_000;

/** Time that stands still until a test moves it. Milliseconds. Refuses timers of more than an hour, as the real one does. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Armed>();
  readonly #watchers = new Set<(span: number) => void>();
  #now: number;

  constructor(now = Date.parse('2026-11-21T08:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** The same instant as tickets count it. */
  seconds(): number {
    return Math.floor(this.#now / 1000);
  }

  after(milliseconds: number, run: () => void): Timer {
    if (milliseconds > MAX_TIMER_MS) throw new RangeError(`a timer of ${milliseconds} ms is longer than an hour`);
    const timer: Armed = { span: milliseconds, due: this.#now + Math.max(0, milliseconds), run };
    this.#timers.add(timer);
    for (const watcher of [...this.#watchers]) watcher(milliseconds);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** How many timers wait. */
  get armed(): number {
    return this.#timers.size;
  }

  /** The time jumps, as after a suspend: timers that came due in between run with the next `advance`. */
  skip(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass, running what falls due in the order of its time; what that arms within the span runs too. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#nextUntil(end); next !== undefined; next = this.#nextUntil(end)) this.#run(next);
    this.#now = end;
  }

  /** The same, and between the timers the event loop turns, so that what one sent over loopback is seen by the next. */
  async advanceTurnByTurn(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (let next = this.#nextUntil(end); next !== undefined; next = this.#nextUntil(end)) {
      this.#run(next);
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** The same in steps, for code that waits by turns for time and for answers and arms no timer in between. */
  async advanceSlowly(milliseconds: number, stepMs = 100): Promise<void> {
    for (let left = milliseconds; left > 0; left -= stepMs) {
      this.advance(Math.min(stepMs, left));
      await settle();
    }
  }

  /** Lets exactly that pause pass, as soon as somebody waits for it. */
  async pass(milliseconds: number): Promise<void> {
    const isArmed = () => [...this.#timers].some(({ span }) => span === milliseconds);
    while (!isArmed()) await this.#nextArmed();
    this.advance(milliseconds);
  }

  /** Resolves when somebody begins, from now on, to wait for exactly so long. */
  waited(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const watcher = (span: number) => {
        if (span !== milliseconds) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }

  #nextUntil(end: number): Armed | undefined {
    let next: Armed | undefined;
    for (const timer of this.#timers)
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
    return next;
  }

  #run(timer: Armed): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.due);
    timer.run();
  }

  #nextArmed(): Promise<void> {
    return new Promise((resolve) => {
      const watcher = () => {
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }
}

/** Lets everything run that waits only for promises, for answers that are there already, and for what was written to a loopback socket. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
