/**
 * Ids that may be used once while they live, per replica. Bounded by what is issued: only ids whose signature was verified come
 * here, each lives for about a minute, and expired ones are forgotten on the way. Times are seconds since the epoch.
 */
export class UsedOnce {
  readonly #expiry = new Map<string, number>();

  has(id: string): boolean {
    return this.#expiry.has(id);
  }

  use(id: string, expiresAt: number, now: number): void {
    this.#prune(now);
    this.#expiry.set(id, expiresAt);
  }

  get size(): number {
    return this.#expiry.size;
  }

  /** Lives are all alike, so insertion order is nearly expiry order and the front is where the old ones are. */
  #prune(now: number): void {
    for (const [id, expiresAt] of this.#expiry) {
      if (expiresAt > now) return;
      this.#expiry.delete(id);
    }
  }
}
