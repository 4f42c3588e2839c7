/** What a limit allows: `perSecond` sustained, `burst` at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  updatedAt: number;
}

/**
 * Sweeping starts above this many buckets. A bucket that refilled is the same as none, so a sweep forgets nothing that matters;
 * the number only bounds how often the sweep runs.
 */
const SWEEP_ABOVE = 1024;

/** A token bucket per key (an identity, an environment). Times are milliseconds since the epoch and passed in. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #onLimited: () => void;
  readonly #buckets = new Map<string, Bucket>();
  #sweepAt = SWEEP_ABOVE;

  /** @param onLimited called each time that `take` had no token to give */
  constructor(rate: Rate, onLimited: () => void = () => {}) {
    this.#rate = rate;
    this.#onLimited = onLimited;
  }

  /** Takes one token. Undefined when there was one, else the milliseconds until the next. */
  take(key: string, now: number): number | undefined {
    const bucket = this.#refilled(key, now);
    this.#buckets.set(key, bucket);
    this.#sweep(now);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return undefined;
    }
    this.#onLimited();
    return Math.ceil(((1 - bucket.tokens) / this.#rate.perSecond) * 1000);
  }

  get size(): number {
    return this.#buckets.size;
  }

  #refilled(key: string, now: number): Bucket {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return { tokens: this.#rate.burst, updatedAt: now };
    // A clock that steps back must not take tokens away.
    const elapsed = Math.max(0, now - bucket.updatedAt);
    const tokens = Math.min(this.#rate.burst, bucket.tokens + (elapsed / 1000) * this.#rate.perSecond);
    return { tokens, updatedAt: now };
  }

  #sweep(now: number): void {
    if (this.#buckets.size < this.#sweepAt) return;
    for (const key of this.#buckets.keys()) {
      if (this.#refilled(key, now).tokens >= this.#rate.burst) this.#buckets.delete(key);
    }
    this.#sweepAt = Math.max(SWEEP_ABOVE, this.#buckets.size * 2);
  }
}
