import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Shorter ones are refused as nobody's: they can be guessed, and one of a few characters turns up in a registration response by accident,
 * which makes a real executor exit (contract §2.2).
 */
export const MIN_BEARER_LENGTH = 16;
/** The longest that a real executor takes (contract §11). */
const MAX_BEARER_LENGTH = 16_384;

/** The bearer of a request, or undefined when there is none that could be good. */
export function bearerOf(request: IncomingMessage): string | undefined {
  const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined || token.length < MIN_BEARER_LENGTH || token.length > MAX_BEARER_LENGTH) return undefined;
  return token;
}

/** Compares secrets in a time that tells nothing about where they differ, nor about their lengths. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(a), digest(b));
}
