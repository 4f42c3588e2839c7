import { AUDIENCES } from '../../api/index.ts';
import { type ObjectApi, requestToken } from '../../kube/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import { explainApi } from '../cluster/api-refusal.ts';

/**
 * Life that is asked for, in seconds. An hour is what a projected token gets, and what a registry that cannot ask the API server lives by
 * (design §9); the server may give less.
 */
const LIFE_SECONDS = 3600;

/** A token is replaced when this much of its life has passed: the other half is for an API server that is away. */
const RENEW_AT = 0.5;

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

interface Held {
  readonly token: string;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly expiresAt: number;
  /** By ours. */
  readonly renewAt: number;
  readonly goodUntil: number;
}

/** Tokens of one ServiceAccount that a registry takes from clients. They are kept in memory only. */
export class ServiceAccountTokens {
  readonly #api: ObjectApi;
  readonly #account: ServiceAccountName;
  readonly #clock: Clock;
  #held: Held | undefined;
  #asking: Promise<Held> | undefined;

  constructor({ api, account, clock }: { api: ObjectApi; account: ServiceAccountName; clock: Clock }) {
    this.#api = api;
    this.#account = account;
    this.#clock = clock;
  }

  /**
   * A token in the first half of its life, or what is left of one when no other can be had.
   *
   * @param refused a token that a registry does not take: never given again
   * @throws CliError `forbidden`, `not_found`, `unauthenticated`, `api_unreachable`; ApiError
   */
  async current(refused?: string): Promise<string> {
    if (this.#held?.token === refused) this.#held = undefined;
    const held = this.#held;
    const now = this.#clock.now();
    if (held !== undefined && now < held.renewAt) return held.token;
    try {
      return (await this.#ask()).token;
    } catch (error) {
      if (held !== undefined && now < held.goodUntil) return held.token;
      throw explainTokenRequest(error, this.#account);
    }
  }

  /** Of the token in hand. RFC 3339. */
  get expirationTime(): string | undefined {
    return this.#held && new Date(this.#held.expiresAt).toISOString();
  }

  /** One request at a time. */
  #ask(): Promise<Held> {
    this.#asking ??= this.#request().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #request(): Promise<Held> {
    const askedAt = this.#clock.now();
    const ask = { audiences: [AUDIENCES.connect], expirationSeconds: LIFE_SECONDS };
    const { token, expiresAt } = await requestToken(this.#api, this.#account, ask);
    // Our clock may be wrong: a life is never longer than what was asked for.
    const life = Math.min(expiresAt - askedAt, LIFE_SECONDS * 1000);
    this.#held = { token, expiresAt, renewAt: askedAt + life * RENEW_AT, goodUntil: askedAt + life };
    return this.#held;
  }
}

function explainTokenRequest(error: unknown, { namespace, name }: ServiceAccountName): unknown {
  return explainApi(error, {
    forbidden: (subject) => {
      const role = `noisefleet-connect-${name}`;
      return [
        `kubectl create role ${role} -n ${namespace} --verb=create --resource=serviceaccounts/token --resource-name=${name}`,
        `kubectl create rolebinding ${role} -n ${namespace} --role=${role} ${subject}`,
      ].join('\n');
    },
    notFound: {
      what: `there is no ServiceAccount ${namespace}/${name}`,
      hint: `Make it, and name it in an ExecutorGrant:  kubectl create serviceaccount ${name} -n ${namespace}`,
    },
  });
}
