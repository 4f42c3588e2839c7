import type { Clock, Timer } from '../../telemetry/index.ts';

interface Armed {
  span: number;
  due: number;
  run: () => void;
}

/** Time that a test moves. Milliseconds. */
export class ManualClock implements Clock {
  readonly #armed = new Set<Armed>();
  readonly #watchers = new Set<() => void>();
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): Timer {
    const armed = { span: milliseconds, due: this.#now + milliseconds, run };
    this.#armed.add(armed);
    for (const watcher of [...this.#watchers]) watcher();
    return { cancel: () => this.#armed.delete(armed) };
  }

  /** Lets time pass; timers run in their order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#armed].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (!next) break;
      this.#armed.delete(next);
      this.#now = next.due;
      next.run();
    }
    this.#now = end;
  }

  /** Waits until somebody armed a timer of this span. */
  async armed(milliseconds: number): Promise<void> {
    const isArmed = () => [...this.#armed].some(({ span }) => span === milliseconds);
    if (isArmed()) return;
    await new Promise<void>((resolve) => {
      const watcher = () => {
        if (!isArmed()) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }

  /** Lets exactly that pause pass, as soon as somebody waits for it. */
  async pass(milliseconds: number): Promise<void> {
    await this.armed(milliseconds);
    this.advance(milliseconds);
  }
}
