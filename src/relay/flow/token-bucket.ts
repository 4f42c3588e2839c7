export interface BucketLimits {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

/**
 * Bytes per second of one identity. The clock is read only when the bucket runs dry, so that a frame costs one subtraction; over any
 * span it lets through at most twice the burst plus the rate.
 */
export class TokenBucket {
  readonly #limits: BucketLimits;
  #tokens: number;
  #filledAt: number;

  constructor(limits: BucketLimits, now: number) {
    this.#limits = limits;
    this.#tokens = limits.burstBytes;
    this.#filledAt = now;
  }

  /** Takes `bytes`; returns how many milliseconds the sender must pause now, 0 for none. */
  take(bytes: number, clock: { now(): number }): number {
    this.#tokens -= bytes;
    if (this.#tokens >= 0) return 0;
    const now = clock.now();
    const { bytesPerSecond, burstBytes } = this.#limits;
    this.#tokens = Math.min(burstBytes, this.#tokens + ((now - this.#filledAt) * bytesPerSecond) / 1_000);
    this.#filledAt = now;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1_000) / bytesPerSecond);
  }
}
