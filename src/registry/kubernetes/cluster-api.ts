import type { JSONWebKeySet } from 'jose';

/** What a review says of a token that is good. */
export interface ReviewedToken {
  readonly username: string;
  readonly uid: string;
  readonly audiences: readonly string[];
}

export interface RelayPod {
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined before the pod has one. */
  readonly ip: string | undefined;
}

/**
 * The few questions that a registry asks the API server by itself, beside its informers. Each rejects when the server cannot be asked, which
 * is never the same as "no".
 */
export interface ClusterApi {
  /** Issuer and public keys of ServiceAccount tokens. */
  issuer(): Promise<{ readonly issuer: string; readonly jwks: JSONWebKeySet }>;
  /** Undefined: the API server refuses the token for this audience. */
  reviewToken(token: string, audience: string): Promise<ReviewedToken | undefined>;
  /** Undefined: there is no such pod. */
  pod(namespace: string, name: string): Promise<RelayPod | undefined>;
}
