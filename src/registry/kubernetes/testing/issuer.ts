import { randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { ClusterApi, RelayPod, ReviewedToken } from '../cluster-api.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';

export interface TokenRequest {
  readonly namespace?: string;
  readonly name?: string;
  readonly audiences?: readonly string[];
  readonly pod?: { readonly name: string; readonly uid: string };
  /** Seconds since the epoch. */
  readonly now: number;
  readonly lifeSeconds?: number;
  readonly claims?: Record<string, unknown>;
}

/**
 * The part of an API server that has to do with tokens: it signs them with a key of its own, publishes that key, reviews what it signed, and
 * forgets pods and ServiceAccounts when told.
 */
export class TokenIssuer implements ClusterApi {
  readonly #algorithm: 'ES256' | 'RS256';
  readonly #issued = new Map<string, ReviewedToken & { readonly podUid: string | undefined }>();
  readonly #uids = new Map<string, string>();
  readonly #deletedPods = new Set<string>();
  readonly pods = new Map<string, RelayPod>();
  #keys: { readonly privateKey: CryptoKey; readonly jwk: JWK; readonly kid: string };
  /** How often it was asked. */
  readonly asked = { issuer: 0, reviews: 0, pods: 0 };
  away = false;

  private constructor(algorithm: 'ES256' | 'RS256', keys: TokenIssuer['keys']) {
    this.#algorithm = algorithm;
    this.#keys = keys;
  }

  static async create(algorithm: 'ES256' | 'RS256' = 'ES256'): Promise<TokenIssuer> {
    return new TokenIssuer(algorithm, await newKeys(algorithm));
  }

  get keys() {
    return this.#keys;
  }

  async changeKeys(): Promise<void> {
    this.#keys = await newKeys(this.#algorithm);
  }

  async token(request: TokenRequest): Promise<string> {
    const { namespace = 'team-a', name = 'runner', audiences = ['noisefleet-connect'], pod, now } = request;
    const { privateKey, kid } = this.#keys;
    const uid = this.#uidOf(namespace, name);
    const own = { namespace, serviceaccount: { name, uid }, ...(pod && { pod }) };
    const username = `system:serviceaccount:${namespace}:${name}`;
    const token = await new SignJWT({ 'kubernetes.io': own, jti: randomUUID(), ...request.claims })
      .setProtectedHeader({ alg: this.#algorithm, kid })
      .setIssuer(ISSUER)
      .setSubject(username)
      .setAudience([...audiences])
      .setIssuedAt(Math.floor(now))
      .setNotBefore(Math.floor(now))
      .setExpirationTime(Math.floor(now) + (request.lifeSeconds ?? 3_600))
      .sign(privateKey);
    this.#issued.set(token, { username, uid, audiences, podUid: pod?.uid });
    return token;
  }

  deletePod(uid: string): void {
    this.#deletedPods.add(uid);
  }

  async issuer() {
    this.asked.issuer += 1;
    this.#answerable();
    return { issuer: ISSUER, jwks: { keys: [this.#keys.jwk] } };
  }

  async reviewToken(token: string, audience: string): Promise<ReviewedToken | undefined> {
    this.asked.reviews += 1;
    this.#answerable();
    return this.review(token, audience);
  }

  /** What a review says now. */
  review(token: string, audience: string): ReviewedToken | undefined {
    const issued = this.#issued.get(token);
    if (issued === undefined || !issued.audiences.includes(audience)) return undefined;
    if (issued.podUid !== undefined && this.#deletedPods.has(issued.podUid)) return undefined;
    return { username: issued.username, uid: issued.uid, audiences: [audience] };
  }

  async pod(namespace: string, name: string): Promise<RelayPod | undefined> {
    this.asked.pods += 1;
    this.#answerable();
    return this.pods.get(`${namespace}/${name}`);
  }

  #answerable(): void {
    if (this.away) throw new Error('connection refused');
  }

  #uidOf(namespace: string, name: string): string {
    const key = `${namespace}/${name}`;
    const uid = this.#uids.get(key) ?? randomUUID();
    this.#uids.set(key, uid);
    return uid;
  }
}

async function newKeys(algorithm: 'ES256' | 'RS256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm);
  const kid = randomUUID();
  return { privateKey, kid, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } };
}
