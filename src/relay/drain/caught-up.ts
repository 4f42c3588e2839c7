import { CATCH_UP_MS } from '../limits.ts';

/** A harness, as far as a relay knows what it has read. */
export interface Reader {
  /** Grows with all that goes through. */
  readonly frames: number;
  /** Resolves when it answered a ping, with true, or did not within `timeoutMs`. */
  probe(timeoutMs: number): Promise<boolean>;
}

interface Asked {
  readonly frames: number;
  answered: boolean;
}

/**
 * Tells when a harness has read all that was sent to it. What the kernel took says little: megabytes may lie in its buffers, and in those of a
 * relay that passes a slow harness on. An answer to a ping that was sent after them says all. Who answers none gets a while.
 */
export class CaughtUp<R extends Reader> {
  readonly #asked = new WeakMap<R, Asked>();

  /** To be called now and then while nothing moves. */
  has(reader: R): boolean {
    const { frames } = reader;
    const before = this.#asked.get(reader);
    if (before?.frames === frames) return before.answered;
    const asked = { frames, answered: false };
    this.#asked.set(reader, asked);
    void reader.probe(CATCH_UP_MS).then(() => {
      asked.answered = true;
    });
    return false;
  }
}
