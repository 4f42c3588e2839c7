export interface BackoffOptions {
  /** The window after the first failure, in milliseconds; it doubles with each further one. */
  baseMs: number;
  /** The window never grows beyond this, in milliseconds. */
  capMs: number;
  /**
   * Until the first success, and for at most so many failures, the window stays below `capMs`: what is started together with us is
   * there within seconds, and somebody waits for it.
   */
  early?: { failures: number; capMs: number };
  /** Uniform in [0, 1). */
  random?: () => number;
}

/**
 * Full jitter: the first try is at once, each later pause is uniformly random below a window that doubles up to a cap. Thousands of
 * executors that lose the same relay at the same moment come back spread out.
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  #early: BackoffOptions['early'];
  readonly #random: () => number;
  #failures = 0;

  constructor({ baseMs, capMs, early, random = Math.random }: BackoffOptions) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#early = early;
    this.#random = random;
  }

  /** Milliseconds to wait before the next try. */
  next(): number {
    const failures = this.#failures;
    this.#failures += 1;
    if (failures === 0) return 0;
    const capMs = this.#early !== undefined && failures < this.#early.failures ? this.#early.capMs : this.#capMs;
    return Math.floor(this.#random() * Math.min(capMs, this.#baseMs * 2 ** (failures - 1)));
  }

  /** After a success: the next try is at once again. */
  reset(): void {
    this.#failures = 0;
    this.#early = undefined;
  }
}
