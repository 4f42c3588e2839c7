import { createHash } from 'node:crypto';

/**
 * How tickets and denies name an identity: relays count and cut by it without learning names. Every registry computes the same one. It is
 * no secret: whoever guesses a name can check the guess.
 */
export function identityHashOf(identity: string): string {
  return createHash('sha256').update(`noisefleet-identity/v1\0${identity}`, 'utf8').digest('base64url');
}
