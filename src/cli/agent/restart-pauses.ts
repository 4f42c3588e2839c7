/** Our-side §9: an executor that ended is started again after 1 to 30 s. Milliseconds. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** A child that lived this long was well: the next pause is the first again. */
const WELL_AFTER_MS = 60_000;

/** How long to wait before a child is started again: doubled each time, stretched by up to half so that many hosts spread. */
export class RestartPauses {
  readonly #random: () => number;
  #next = FIRST_PAUSE_MS;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** @param livedMs how long the child that just ended had run */
  after(livedMs: number): number {
    if (livedMs >= WELL_AFTER_MS) this.#next = FIRST_PAUSE_MS;
    const pause = this.#next * (1 + this.#random() / 2);
    this.#next = Math.min(this.#next * 2, MAX_PAUSE_MS);
    return Math.min(pause, MAX_PAUSE_MS);
  }
}
