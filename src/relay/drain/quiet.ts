import { QUIET_MS } from '../limits.ts';

/** What moves: a harness's stream, or raw bytes on their way to another relay. */
export interface Moving {
  /** Grows with all that goes through. */
  readonly frames: number;
  /** False while something waits here. */
  readonly isIdle: boolean;
}

interface Look {
  readonly frames: number;
  readonly since: number;
}

/** Tells when nothing has moved for a while, by looking now and then: the path of frames itself reads no clock. */
export class Quiet<M extends Moving> {
  readonly #looks = new WeakMap<M, Look>();

  /** To be called every `DRAIN_STEP_MS`. */
  has(moving: M, now: number): boolean {
    const { frames, isIdle } = moving;
    const before = this.#looks.get(moving);
    if (isIdle && before?.frames === frames) return now - before.since >= QUIET_MS;
    this.#looks.set(moving, { frames, since: now });
    return false;
  }
}
