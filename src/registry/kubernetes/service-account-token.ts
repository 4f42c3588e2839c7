import { z } from 'zod';

/** What a ServiceAccount token says about its holder, once its signature was checked. */
export interface ServiceAccountToken {
  readonly namespace: string;
  readonly name: string;
  /** UID of the ServiceAccount. */
  readonly uid: string;
  /** The pod that it is bound to; undefined for a token that somebody asked for with TokenRequest. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Names and UIDs are short; a token that says more is none of the API server's. */
const text = z.string().min(1).max(253);

const bound = z.object({ name: text, uid: text });

/** The private claims of bound ServiceAccount tokens (Kubernetes, KEP-1205). */
const claims = z.object({
  sub: z.string(),
  exp: z.number(),
  aud: z.union([z.string(), z.array(z.string())]),
  'kubernetes.io': z.object({ namespace: text, serviceaccount: bound, pod: bound.optional() }),
});

/**
 * Undefined when these are not the claims of a bound ServiceAccount token, when subject and private claims contradict each other, or when
 * the token is good for several audiences: what one part shows, another must not be able to use elsewhere.
 */
export function serviceAccountTokenOf(payload: unknown): ServiceAccountToken | undefined {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) return undefined;
  const { sub, exp, aud, 'kubernetes.io': own } = parsed.data;
  const { namespace, serviceaccount, pod } = own;
  if (sub !== usernameOf({ namespace, name: serviceaccount.name })) return undefined;
  if (Array.isArray(aud) && aud.length !== 1) return undefined;
  return { namespace, name: serviceaccount.name, uid: serviceaccount.uid, pod, expiresAt: exp };
}

/** As the API server names a ServiceAccount in reviews, and as `sub`. */
export function usernameOf({ namespace, name }: Pick<ServiceAccountToken, 'namespace' | 'name'>): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** As grants, tickets and the access log name it. Neither part can hold a slash. */
export function identityOf({ namespace, name }: Pick<ServiceAccountToken, 'namespace' | 'name'>): string {
  return `sa:${namespace}/${name}`;
}
