import { z } from 'zod';

/** What a token says of itself. Only for the one who holds it: nothing here was verified, and nobody is let in by it. */
export type TokenFacts =
  /** Not a JWT, as those of `noisefleet dev` are: only the registry knows whose it is. */
  | { readonly kind: 'opaque' }
  | {
      readonly kind: 'jwt';
      readonly subject: string | undefined;
      /** When the subject is a ServiceAccount. */
      readonly serviceAccount: ServiceAccountName | undefined;
      readonly audiences: readonly string[];
      /** Milliseconds since the epoch. */
      readonly expiresAt: number | undefined;
    };

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

const claims = z.object({
  sub: z.string().max(512).optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  exp: z.number().optional(),
});

const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Anything that is no JWT with readable claims is opaque. */
export function tokenFacts(token: string): TokenFacts {
  const parsed = claims.safeParse(payloadOf(token));
  if (!parsed.success) return { kind: 'opaque' };
  const { sub, aud, exp } = parsed.data;
  const [, namespace, name] = SUBJECT.exec(sub ?? '') ?? [];
  return {
    kind: 'jwt',
    subject: sub,
    serviceAccount: namespace === undefined || name === undefined ? undefined : { namespace, name },
    audiences: aud === undefined ? [] : [aud].flat(),
    expiresAt: exp === undefined ? undefined : exp * 1000,
  };
}

function payloadOf(token: string): unknown {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    return JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
