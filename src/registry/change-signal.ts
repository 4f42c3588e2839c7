/** "Look again": wakes everybody who waits. It says nothing about what changed, so nobody can act on stale news. */
export class ChangeSignal {
  #waiting = new Set<() => void>();

  /** Calls `wake` once at the next change. The result stops that. */
  next(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  changed(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}
