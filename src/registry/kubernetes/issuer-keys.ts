import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import type { Clock, Logger, Timer } from '../../telemetry/index.ts';
import type { ClusterApi } from './cluster-api.ts';

/** Keys are read again so often at rest: a key that was taken away is refused after this at the latest. */
const REFRESH_MS = 300_000;
/** A token with an unknown key name makes us read once more, but strangers' tokens no more often than this. */
const LEAST_PAUSE_MS = 10_000;
/** Clocks of API server and registry may differ by this. */
const CLOCK_SKEW_SECONDS = 5;
/** What API servers sign with; a hash-based or absent signature is no signature. */
const ALGORITHMS = ['ES256', 'RS256'];

export interface IssuerKeysOptions {
  readonly api: ClusterApi;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type LocalVerdict =
  | { readonly outcome: 'signed'; readonly payload: JWTPayload }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'unavailable' };

interface Keys {
  readonly issuer: string;
  readonly keyOf: JWTVerifyGetKey;
}

/** The API server's public keys, kept here so that a stranger's token costs the API server nothing (`our-side.md` §11). */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: Keys | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #failed = false;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Reads the keys for the first time and goes on from there. Never fails: without keys every verdict is `unavailable`. */
  async start(): Promise<void> {
    await this.#read();
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Signature, issuer, audience and time. `unavailable` only while no keys were ever read. */
  async verify(token: string, audience: string): Promise<LocalVerdict> {
    if (this.#keys === undefined) await this.#readSoon();
    const verdict = await this.#verifyOnce(token, audience);
    if (verdict !== 'no_such_key') return verdict;
    // Perhaps a new one: the API server's keys were changed.
    await this.#readSoon();
    const again = await this.#verifyOnce(token, audience);
    return again === 'no_such_key' ? { outcome: 'unknown' } : again;
  }

  async #verifyOnce(token: string, audience: string): Promise<LocalVerdict | 'no_such_key'> {
    if (this.#keys === undefined) return { outcome: 'unavailable' };
    const { issuer, keyOf } = this.#keys;
    const { jwtVerify } = await import('jose');
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ['exp', 'iat', 'sub'],
        currentDate: new Date(this.#options.clock.now()),
        clockTolerance: CLOCK_SKEW_SECONDS,
      });
      return { outcome: 'signed', payload };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ERR_JWKS_NO_MATCHING_KEY') return 'no_such_key';
      return { outcome: code === 'ERR_JWT_EXPIRED' ? 'expired' : 'unknown' };
    }
  }

  /** Not more often than strangers may cause. */
  async #readSoon(): Promise<void> {
    if (this.#reading === undefined && this.#options.clock.now() < this.#readAt + LEAST_PAUSE_MS) return;
    await this.#read();
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { api, clock, logger } = this.#options;
    this.#readAt = clock.now();
    try {
      const { issuer, jwks } = await api.issuer();
      const { createLocalJWKSet } = await import('jose');
      this.#keys = { issuer, keyOf: createLocalJWKSet(jwks) };
      if (this.#failed) logger.info('issuer keys read again');
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) logger.warn({ err: error }, 'issuer keys could not be read; those known stay in force');
      this.#failed = true;
    }
  }

  #arm(): void {
    if (this.#closed) return;
    // Sooner while there are none: nobody can be let in before.
    const pause = this.#keys === undefined ? LEAST_PAUSE_MS : REFRESH_MS;
    this.#timer = this.#options.clock.after(pause, () => void this.#read().then(() => this.#arm()));
  }
}
