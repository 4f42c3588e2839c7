/** So often a call is repeated before the caller hears of it; controllers have a backoff of their own behind that. */
const MAX_REPEATS = 4;
/** The first pause where the server names none; doubled each time. Milliseconds. */
const FIRST_PAUSE_MS = 200;
/** A server that wants a longer pause than this is reported to the caller instead. Milliseconds. */
const MAX_PAUSE_MS = 10_000;

export interface Refusal {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** Whether the call changes nothing, so that it may be repeated although it may have been executed. */
  readonly readOnly: boolean;
  /** How often it was repeated already. */
  readonly repeats: number;
}

/**
 * Milliseconds until the call is repeated; undefined when the caller decides. As client-go (`rest/with_retry.go`): 429 and 5xx with `Retry-After` were
 * not executed, whatever the method; without it only reads are repeated. The pause is stretched by up to a half, so that many clients do not
 * come back together.
 */
export function pauseBeforeRepeat(refusal: Refusal, random: () => number): number | undefined {
  const { status, retryAfterMs, readOnly, repeats } = refusal;
  if (repeats >= MAX_REPEATS || (status !== 429 && status < 500)) return undefined;
  if (retryAfterMs === undefined && !readOnly) return undefined;
  if (retryAfterMs !== undefined && retryAfterMs > MAX_PAUSE_MS) return undefined;
  return Math.max(retryAfterMs ?? 0, FIRST_PAUSE_MS * 2 ** repeats) * (1 + random() / 2);
}

/** `Retry-After` in milliseconds: seconds, or an HTTP date (RFC 9110 §10.2.3). */
export function parseRetryAfter(header: string | readonly string[] | undefined, now: number): number | undefined {
  const value = typeof header === 'string' ? header : header?.[0];
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
