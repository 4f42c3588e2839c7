import type { RefusalCode } from '../../wire/index.ts';

/** A refusal as the caller gets it: status, `error.code` and a message that says what is, why, and what to do. */
export interface Refusal {
  readonly kind: 'refuse';
  readonly status: number;
  readonly code: RefusalCode;
  readonly message: string;
  /** For the access log, when it may say more than the caller may hear. */
  readonly reason: string;
  readonly retryAfterSeconds?: number;
}

export function refuse(
  status: number,
  code: RefusalCode,
  message: string,
  more: { readonly reason?: string; readonly retryAfterSeconds?: number } = {},
): Refusal {
  const { reason = code, retryAfterSeconds } = more;
  return {
    kind: 'refuse',
    status,
    code,
    message,
    reason,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)) }),
  };
}

/** Short, because the caller's own retries (0.5, 1, 2, 4 s) are the real schedule; only our clients read it. */
const RETRY_SOON_SECONDS = 1;

export const REFUSALS = {
  tokenInvalid: (reason?: string) =>
    refuse(
      401,
      'token_invalid',
      'This registry did not issue the token, or it was withdrawn. Take a current one: `noisefleet run` and `noisefleet join` do.',
      { ...(reason !== undefined && { reason }) },
    ),
  tokenExpired: () =>
    refuse(
      401,
      'token_expired',
      'The token has expired. A program that reads its credential once cannot renew it: start it with `noisefleet run ENV -- …` or `noisefleet join ENV -- …`, which renew it.',
    ),
  /** One body for "not allowed" and "no such environment": nobody learns names (`our-side.md` §5). */
  notAuthorized: (reason: string) =>
    refuse(
      403,
      'not_authorized',
      'You may not connect to this environment, or it does not exist. Ask its owner for a grant.',
      { reason },
    ),
  notSynced: () =>
    refuse(503, 'not_synced', 'The registry is still reading who may connect to what. Try again in a moment.', {
      retryAfterSeconds: RETRY_SOON_SECONDS,
    }),
  closing: () =>
    refuse(503, 'not_synced', 'This registry is stopping. Try again: another one or the next one answers.', {
      reason: 'closing',
      retryAfterSeconds: RETRY_SOON_SECONDS,
    }),
  rateLimited: (reason: string, retryAfterSeconds: number) =>
    refuse(429, 'rate_limited', 'Too many requests. Wait as long as Retry-After says.', { reason, retryAfterSeconds }),
  environmentUnknown: () =>
    refuse(404, 'not_found', 'No such environment for this credential. Check the environment id and the token.'),
} as const;
