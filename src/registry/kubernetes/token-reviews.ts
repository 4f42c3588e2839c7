import { createHash } from 'node:crypto';
import type { Clock, Counter, Logger, Metrics } from '../../telemetry/index.ts';
import { RateLimiter } from '../limits/token-bucket.ts';
import type { ClusterApi, ReviewedToken } from './cluster-api.ts';

/** `our-side.md` §11: a verdict counts for so long. */
const GOOD_FOR_MS = 60_000;
/** At most 20 reviews in any second (`our-side.md` §11): what is at hand at once, and what comes in a second. */
const AT_MOST = { perSecond: 15, burst: 5 };
/** A refused token is asked about again sooner: its pod may have been too new for the API server's own cache. */
const BAD_FOR_MS = 5_000;
/** How long a caller waits for its turn; a real harness gives up at 6 s, a registering one at 10 s. */
const MAX_WAIT_MS = 2_500;
/** Tokens remembered: one per pod and client of a large cluster, two while they are renewed. */
const MAX_CACHED = 20_000;

export interface TokenReviewsOptions {
  readonly api: ClusterApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type ReviewVerdict =
  | { readonly outcome: 'good'; readonly reviewed: ReviewedToken }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'unavailable' };

/**
 * TokenReviews, few enough that a crowd of clients is no load on the API server. They see what a signature cannot: that a pod or a
 * ServiceAccount was deleted. Only tokens whose signature was checked may come here.
 */
export class TokenReviews {
  readonly #options: TokenReviewsOptions;
  readonly #limiter = new RateLimiter(AT_MOST);
  readonly #cache = new Map<string, { readonly verdict: ReviewVerdict; readonly until: number }>();
  readonly #asking = new Map<string, Promise<ReviewVerdict>>();
  readonly #asked: Counter;
  #away = false;

  constructor(options: TokenReviewsOptions) {
    this.#options = options;
    this.#asked = options.metrics.counter(
      'noisefleet_token_reviews_total',
      'TokenReviews by audience and by what came of them; too_many: not asked, over the limit.',
      ['audience', 'result'],
    );
    options.metrics
      .gauge('noisefleet_token_reviews_limit', 'TokenReviews that may be asked in any second.')
      .set(AT_MOST.perSecond + AT_MOST.burst);
  }

  async review(token: string, audience: string): Promise<ReviewVerdict> {
    const key = createHash('sha256').update(`${audience}\0${token}`).digest('base64url');
    const cached = this.#cache.get(key);
    if (cached !== undefined && this.#options.clock.now() < cached.until) return cached.verdict;
    const asking = this.#asking.get(key) ?? this.#ask(key, token, audience).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(key: string, token: string, audience: string): Promise<ReviewVerdict> {
    const { api, clock, logger } = this.#options;
    if (!(await this.#turn())) {
      this.#asked.add(1, { audience, result: 'too_many' });
      return { outcome: 'unavailable' };
    }
    try {
      const reviewed = await api.reviewToken(token, audience);
      const verdict: ReviewVerdict = reviewed === undefined ? { outcome: 'refused' } : { outcome: 'good', reviewed };
      this.#asked.add(1, { audience, result: verdict.outcome });
      this.#keep(key, verdict, clock.now() + (reviewed === undefined ? BAD_FOR_MS : GOOD_FOR_MS));
      if (this.#away) logger.info('token reviews are answered again');
      this.#away = false;
      return verdict;
    } catch (error) {
      this.#asked.add(1, { audience, result: 'unavailable' });
      if (!this.#away) logger.warn({ err: error }, 'token reviews are not answered');
      this.#away = true;
      return { outcome: 'unavailable' };
    }
  }

  async #turn(): Promise<boolean> {
    const { clock } = this.#options;
    const until = clock.now() + MAX_WAIT_MS;
    for (;;) {
      const wait = this.#limiter.take('this replica', clock.now());
      if (wait === undefined) return true;
      if (clock.now() + wait > until) return false;
      await new Promise<void>((resolve) => clock.after(wait, resolve));
    }
  }

  #keep(key: string, verdict: ReviewVerdict, until: number): void {
    this.#cache.delete(key);
    this.#cache.set(key, { verdict, until });
    if (this.#cache.size <= MAX_CACHED) return;
    for (const oldest of this.#cache.keys()) {
      this.#cache.delete(oldest);
      return;
    }
  }
}
