import type { ExecutorStatus } from '../../api/index.ts';
import { parseTime, secondTime } from '../../kube/index.ts';

type External = NonNullable<ExecutorStatus['external']>;
export type RegistrationTokens = External['registrationTokens'];

/**
 * The least that is taken as a registration token: whoever guesses it is the executor. What `openssl rand -hex 16` prints has as many. No
 * spaces and nothing beyond ASCII: it travels in a header.
 */
const GOOD_TOKEN = /^[\x21-\x7e]{32,1024}$/;

/** The token in the content of a Secret's key, without the line end that editors add; undefined when it cannot be one. */
export function tokenIn(base64: string | undefined): string | undefined {
  const token = Buffer.from(base64 ?? '', 'base64')
    .toString()
    .trim();
  return GOOD_TOKEN.test(token) ? token : undefined;
}

/**
 * The hashes that registries take (`our-side.md` §9): that of the Secret first, and for the overlap the one before. At most two: a token that
 * is changed again ends the older one at once.
 */
export function nextTokens(
  before: RegistrationTokens,
  sha256: string,
  { overlapMs, now }: { readonly overlapMs: number; readonly now: number },
): { readonly tokens: RegistrationTokens; readonly nextTime: number | undefined } {
  const others = before
    .filter((each) => each.sha256 !== sha256)
    // The one that was current until now has no end yet.
    .map(({ sha256: old, expirationTime = secondTime(now + overlapMs) }) => ({ sha256: old, expirationTime }))
    .filter(({ expirationTime }) => (parseTime(expirationTime) ?? 0) > now)
    .slice(0, 1);
  return { tokens: [{ sha256 }, ...others], nextTime: parseTime(others[0]?.expirationTime) };
}
