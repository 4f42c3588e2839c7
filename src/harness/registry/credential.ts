import type { Clock, Timer } from '../../telemetry/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import type { RegistryAnswer } from './endpoint.ts';

/**
 * Where a bearer token comes from, each time anew: a file, a ready file, a TokenRequest. `refused` is the one that was just refused as bad: a
 * source that keeps tokens must not give it again.
 */
export type CredentialSource = (refused?: string) => Promise<string>;

/** How often the next credential is fetched while nobody asks, so that a request never has to wait for a slow source. */
const AHEAD_MS = 60_000;

/** A slow source may hold up a request this long; then the last good credential is tried, if there is one. */
const PATIENCE_MS = 1000;

/** The last good credential is tried no longer than this: within the life of the shortest tokens (ten minutes). */
const LAST_GOOD_MS = 600_000;

/**
 * A fresh credential for each upstream request, and one in hand for when the source is slow or away. A real Codex reads its credential once;
 * this is why the connector exists (design §3).
 */
export class CredentialAhead {
  readonly #source: CredentialSource;
  readonly #clock: Clock;
  #last: { token: string; at: number } | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(source: CredentialSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#renewAhead();
  }

  /** @throws HarnessError `credential_unavailable`, retryable: sources come back */
  async current(): Promise<string> {
    const fetched = this.#fetch();
    const patience = new Promise<undefined>((resolve) => {
      const timer = this.#clock.after(PATIENCE_MS, () => resolve(undefined));
      fetched.then(
        () => timer.cancel(),
        () => timer.cancel(),
      );
    });
    const last = this.#last;
    if (!last || this.#clock.now() - last.at > LAST_GOOD_MS) return fetched;
    return (await Promise.race([fetched, patience]).catch(() => undefined)) ?? last.token;
  }

  /** Makes a request with the current credential, and once more if that was refused as bad and the source has another by now. */
  async use(request: (credential: string) => Promise<RegistryAnswer>): Promise<RegistryAnswer> {
    const credential = await this.current();
    const answer = await request(credential);
    if (answer.status !== 401) return answer;
    const renewed = await this.#fetch(credential).catch(() => credential);
    return renewed === credential ? answer : request(renewed);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #fetch(refused?: string): Promise<string> {
    try {
      const token = (await this.#source(refused)).trim();
      if (token === '' || /\s/.test(token)) throw new Error('it is empty or holds spaces');
      this.#last = { token, at: this.#clock.now() };
      return token;
    } catch (cause) {
      if (cause instanceof HarnessError) throw cause;
      const message = `there is no usable credential: ${messageOf(cause)}`;
      throw new HarnessError('credential_unavailable', 'credential', message, { retryable: true, cause });
    }
  }

  #renewAhead(): void {
    this.#fetch().catch(() => {
      // Whoever needs it meets the error himself, and the last good one is still in hand.
    });
    this.#timer = this.#clock.after(AHEAD_MS, () => {
      if (!this.#closed) this.#renewAhead();
    });
  }
}
