import type { Deny } from '../../wire/index.ts';

/** Questions that one relay has not answered: a thousand revoked keys are no burst for it, nor its answers for us. */
const AT_A_TIME = 64;

/**
 * What one relay is asked when it came: it has loaded the denies that it found standing, and only says so when it is asked. Of revoked keys only,
 * since nobody waits for its word on any other.
 */
export class AckRequests {
  readonly #ask: (denyId: string) => void;
  #waiting: readonly string[] = [];

  constructor(ask: (denyId: string) => void) {
    this.#ask = ask;
  }

  begin(standing: readonly Deny[]): void {
    this.#waiting = standing.filter(({ reason }) => reason === 'revoked').map(({ id }) => id);
    this.#askNext(AT_A_TIME);
  }

  /** It has answered one. */
  answered(): void {
    this.#askNext(1);
  }

  #askNext(count: number): void {
    const next = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const denyId of next) this.#ask(denyId);
  }
}
