import { sameSecret } from './bearer.ts';

type NotProven = { readonly outcome: 'unknown' | 'expired' | 'unavailable' };

/** Who is on the other end of an internal connection. As everywhere, `unavailable` means "cannot tell now". */
export interface PeerProofs {
  /** @returns the IP address that the relay is to be reached at, where more is known than the connection's own peer */
  relay(bearer: string): Promise<{ readonly outcome: 'proven'; readonly ip: string | undefined } | NotProven>;
  operator(bearer: string): Promise<{ readonly outcome: 'proven' } | NotProven>;
}

/** On one machine: every relay knows one secret, and there is no operator that would ask. */
export function secretProof(secret: string): PeerProofs {
  return {
    relay: (bearer) =>
      Promise.resolve(sameSecret(bearer, secret) ? { outcome: 'proven', ip: undefined } : { outcome: 'unknown' }),
    operator: () => Promise.resolve({ outcome: 'unknown' }),
  };
}
