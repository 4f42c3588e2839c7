/** A number of bytes shared by all output logs of the process. */
export class ByteBudget {
  readonly limit: number;
  #used = 0;
  readonly #waiting = new Set<() => void>();
  readonly #changed: (used: number) => void;

  constructor(limit: number, changed: (used: number) => void = () => undefined) {
    this.limit = limit;
    this.#changed = changed;
  }

  get used(): number {
    return this.#used;
  }

  /** False, and nothing taken, when that would exceed the limit. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.charge(bytes);
    return true;
  }

  /** For what cannot be refused any more: it may exceed the limit, and `exceeded` says so. */
  charge(bytes: number): void {
    this.#used += bytes;
    this.#changed(this.#used);
  }

  get exceeded(): boolean {
    return this.#used > this.limit;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#changed(this.#used);
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const retry of waiting) retry();
  }

  /** Calls `retry` once, after something was given back. */
  whenGiven(retry: () => void): void {
    this.#waiting.add(retry);
  }

  forget(retry: () => void): void {
    this.#waiting.delete(retry);
  }
}
