import type { Fingerprint } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';
import { pauseAfter } from '../retry.ts';

/** A lost session is looked for this long, in milliseconds (contract §8.2): executors keep it for 80 s and longer. */
export const RECOVERY_MS = 45_000;

/**
 * Failed handshakes while a first connection is tried. A third within a minute would shut this identity out for a minute
 * (our-side §11), and a real executor may pause for all.
 */
const MAX_FAILED_HANDSHAKES = 2;

interface SessionRef {
  readonly sessionId: string;
  /** Of the key that the session was opened under. */
  readonly fingerprint: Fingerprint;
}

/** What a harness knows of its one session. */
export type SessionState =
  /** No session; the next use opens one. */
  | { readonly name: 'idle' }
  | { readonly name: 'opening'; readonly failed: number; readonly failedHandshakes: number }
  | { readonly name: 'attached'; readonly session: SessionRef }
  /** The connection was lost, the session perhaps not. `since` is in milliseconds of the clock. */
  | { readonly name: 'recovering'; readonly session: SessionRef; readonly since: number; readonly failed: number }
  | { readonly name: 'closed' };

export const IDLE: SessionState = { name: 'idle' };
export const OPENING: SessionState = { name: 'opening', failed: 0, failedHandshakes: 0 };

/** What to do after an attempt failed: try again after a pause, or give up with the error that callers get. */
export type AfterFailure =
  | { readonly retry: true; readonly state: SessionState; readonly pauseMs: number }
  | { readonly retry: false; readonly state: SessionState; readonly error: HarnessError };

/** Decides; `now` in milliseconds. Only an opening or recovering session makes attempts. */
export function afterFailure(
  state: SessionState,
  error: HarnessError,
  now: number,
  random: () => number,
): AfterFailure {
  switch (state.name) {
    case 'opening':
      return afterFailedOpening(state, error, random);
    case 'recovering':
      return afterFailedRecovery(state, error, now, random);
    default:
      return { retry: false, state, error };
  }
}

function afterFailedOpening(
  state: Extract<SessionState, { name: 'opening' }>,
  error: HarnessError,
  random: () => number,
): AfterFailure {
  const failed = state.failed + 1;
  const failedHandshakes = state.failedHandshakes + (error.step === 'handshake' ? 1 : 0);
  const pauseMs = pauseAfter(failed, 'initial', random);
  if (!error.retryable || pauseMs === undefined || failedHandshakes >= MAX_FAILED_HANDSHAKES) {
    return { retry: false, state: IDLE, error };
  }
  return { retry: true, state: { name: 'opening', failed, failedHandshakes }, pauseMs };
}

function afterFailedRecovery(
  state: Extract<SessionState, { name: 'recovering' }>,
  error: HarnessError,
  now: number,
  random: () => number,
): AfterFailure {
  const failed = state.failed + 1;
  const pauseMs = pauseAfter(failed, 'recovery', random);
  if (!error.retryable) return { retry: false, state: IDLE, error: lostBy(error) };
  if (pauseMs === undefined || now + pauseMs >= state.since + RECOVERY_MS) {
    return { retry: false, state: IDLE, error: lostBy(error) };
  }
  return { retry: true, state: { ...state, failed }, pauseMs };
}

/** A changed key and a refusal keep their own codes: they say what a person must do. */
function lostBy(error: HarnessError): HarnessError {
  if (!error.retryable && error.code !== 'session_lost') return error;
  const message = `the session could not be resumed: ${error.message}`;
  return new HarnessError('session_lost', 'recovery', message, { cause: error });
}
