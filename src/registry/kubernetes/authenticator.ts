import type { Clock, Counter, Logger, Metrics } from '../../telemetry/index.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { type ServiceAccountToken, serviceAccountTokenOf, usernameOf } from './service-account-token.ts';
import type { TokenReviews } from './token-reviews.ts';

/** How long a verdict of the API server stands in for it while it is away (`design.md` §9). */
const REMEMBERED_MS = 3_600_000;
/** Holders remembered: pods and ServiceAccounts of a large cluster. */
const MAX_REMEMBERED = 20_000;

export interface AuthenticatorOptions {
  readonly keys: IssuerKeys;
  readonly reviews: TokenReviews;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type TokenProof =
  | { readonly outcome: 'proven'; readonly token: ServiceAccountToken }
  /** The signature is good, but the API server says that its pod or ServiceAccount is no more. */
  | { readonly outcome: 'withdrawn'; readonly token: ServiceAccountToken }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'unavailable' };

/**
 * Who holds a ServiceAccount token: first by its signature, here, so that a stranger costs the API server nothing; then by a review, which
 * sees what was deleted. While the API server is away a signature is enough for a holder that it vouched for within the last hour; each
 * such answer is a line in the log.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #vouchedAt = new Map<string, number>();
  readonly #proofs: Counter;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#proofs = options.metrics.counter(
      'noisefleet_registry_token_proofs_total',
      'ServiceAccount tokens shown, by audience and by what came of them.',
      ['audience', 'result'],
    );
  }

  async authenticate(bearer: string, audience: string): Promise<TokenProof> {
    const proof = await this.#prove(bearer, audience);
    this.#proofs.add(1, { audience, result: proof.outcome });
    return proof;
  }

  async #prove(bearer: string, audience: string): Promise<TokenProof> {
    const { keys, reviews } = this.#options;
    const local = await keys.verify(bearer, audience);
    if (local.outcome !== 'signed') return local;
    const token = serviceAccountTokenOf(local.payload);
    if (token === undefined) return { outcome: 'unknown' };
    const verdict = await reviews.review(bearer, audience);
    switch (verdict.outcome) {
      case 'good': {
        const { username, uid, audiences } = verdict.reviewed;
        const same = username === usernameOf(token) && uid === token.uid && audiences.includes(audience);
        if (!same) return { outcome: 'unknown' };
        this.#vouch(token, audience);
        return { outcome: 'proven', token };
      }
      case 'refused':
        this.#vouchedAt.delete(holderOf(token, audience));
        return { outcome: 'withdrawn', token };
      case 'unavailable':
        return this.#fromMemory(token, audience);
      default:
        return verdict satisfies never;
    }
  }

  #fromMemory(token: ServiceAccountToken, audience: string): TokenProof {
    const { clock, logger } = this.#options;
    const vouchedAt = this.#vouchedAt.get(holderOf(token, audience));
    if (vouchedAt === undefined || clock.now() >= vouchedAt + REMEMBERED_MS) return { outcome: 'unavailable' };
    const { namespace, name, pod } = token;
    const reviewedSecondsAgo = Math.round((clock.now() - vouchedAt) / 1000);
    logger.warn(
      { namespace, name, pod: pod?.name, audience, reviewedSecondsAgo },
      'identity accepted without a review',
    );
    return { outcome: 'proven', token };
  }

  #vouch(token: ServiceAccountToken, audience: string): void {
    const holder = holderOf(token, audience);
    // To the end of the order of insertion, so that the first one is the longest unseen.
    this.#vouchedAt.delete(holder);
    this.#vouchedAt.set(holder, this.#options.clock.now());
    if (this.#vouchedAt.size <= MAX_REMEMBERED) return;
    for (const longest of this.#vouchedAt.keys()) {
      this.#vouchedAt.delete(longest);
      return;
    }
  }
}

/** The API server vouches for a pod of a ServiceAccount, or for the ServiceAccount where no pod is bound; never beyond one audience. */
function holderOf({ uid, pod }: ServiceAccountToken, audience: string): string {
  return `${audience} ${uid} ${pod?.uid ?? ''}`;
}
