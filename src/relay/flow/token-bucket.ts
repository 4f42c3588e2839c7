export interface BucketLimits {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * So much a second of one identity. The clock is read only when the bucket runs dry, so that a frame costs one subtraction; over any
 * span it lets through at most twice the burst plus the rate.
 */
export class TokenBucket {
  readonly #limits: BucketLimits;
  #tokens: number;
  #filledAt: number;

  constructor(limits: BucketLimits, now: number) {
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#filledAt = now;
  }

  /** Takes `amount`, on credit if need be; returns how many milliseconds whoever took it must pause now, 0 for none. */
  take(amount: number, clock: { now(): number }): number {
    this.#tokens -= amount;
    if (this.#tokens >= 0) return 0;
    this.#fill(clock.now());
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1_000) / this.#limits.perSecond);
  }

  /** Takes one; false, and nothing taken, when there is none. */
  tryOne(now: number): boolean {
    if (this.isEmpty(now)) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether `tryOne` would fail. */
  isEmpty(now: number): boolean {
    if (this.#tokens < 1) this.#fill(now);
    return this.#tokens < 1;
  }

  #fill(now: number): void {
    const { perSecond, burst } = this.#limits;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1_000);
    this.#filledAt = now;
  }
}
