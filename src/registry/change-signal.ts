import type { EnvironmentId } from '../wire/index.ts';

/**
 * "Look again": wakes those who wait for an environment. It says nothing about what changed, so nobody can act on stale news. Waiting is
 * by environment, because after a relay's restart thousands wait while thousands of registrations come back.
 */
export class ChangeSignal {
  readonly #waiting = new Map<EnvironmentId, Set<() => void>>();

  /** Calls `wake` once at the next change of this environment. The result stops that. */
  next(environmentId: EnvironmentId, wake: () => void): () => void {
    const waiting = this.#waiting.get(environmentId) ?? new Set();
    this.#waiting.set(environmentId, waiting.add(wake));
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.#waiting.get(environmentId) === waiting) this.#waiting.delete(environmentId);
    };
  }

  /** Of one environment, or of anything. */
  changed(environmentId?: EnvironmentId): void {
    const concerned = environmentId === undefined ? [...this.#waiting.keys()] : [environmentId];
    for (const each of concerned) {
      const waiting = this.#waiting.get(each);
      this.#waiting.delete(each);
      for (const wake of waiting ?? []) wake();
    }
  }
}
