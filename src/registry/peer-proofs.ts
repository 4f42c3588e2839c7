import { sameSecret } from './bearer.ts';

type NotProven = { readonly outcome: 'unknown' | 'expired' | 'unavailable' };

interface ProvenRelay {
  readonly outcome: 'proven';
  /** The address that the relay is to be reached at, where more is known than the connection's own peer. */
  readonly ip: string | undefined;
  /** The pod that it runs in; without one nothing but its boot id tells it from others. */
  readonly pod?: string;
}

/** Who is on the other end of an internal connection. As everywhere, `unavailable` means "cannot tell now". */
export interface PeerProofs {
  relay(bearer: string): Promise<ProvenRelay | NotProven>;
  operator(bearer: string): Promise<{ readonly outcome: 'proven' } | NotProven>;
}

/** On one machine: the relay knows one secret, and so does whoever runs both. */
export function secretProof(secret: string): PeerProofs {
  const proven = (bearer: string) => sameSecret(bearer, secret);
  return {
    relay: async (bearer) => (proven(bearer) ? { outcome: 'proven', ip: undefined } : { outcome: 'unknown' }),
    operator: async (bearer) => ({ outcome: proven(bearer) ? 'proven' : 'unknown' }),
  };
}
