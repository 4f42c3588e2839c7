import { describe, expect, it } from 'vitest';
import { parseFingerprint } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';
import { afterFailure, OPENING, RECOVERY_MS, type SessionState } from './state.ts';

const session = { sessionId: 's', fingerprint: parseFingerprint(`SHA256:${'A'.repeat(43)}`) };
const SINCE = 1_000_000;
const recovering: SessionState = { name: 'recovering', session, since: SINCE, failed: 0 };
const temporary = new HarnessError('environment_offline', 'connect', 'offline', { retryable: true, status: 409 });
const final = new HarnessError('not_authorized', 'connect', 'no', { status: 403 });
const handshake = new HarnessError('handshake_failed', 'handshake', 'reset', { retryable: true });
const never = () => 0;

describe('a first connection', () => {
  it.each([
    [0, 500],
    [1, 1000],
    [2, 2000],
    [3, 4000],
  ])('after %i earlier failures pauses for %i ms', (failed, pauseMs) => {
    const decision = afterFailure({ name: 'opening', failed, failedHandshakes: 0 }, temporary, 0, never);
    expect(decision).toMatchObject({ retry: true, pauseMs, state: { failed: failed + 1 } });
  });

  it('stretches pauses by up to half', () => {
    expect(afterFailure(OPENING, temporary, 0, () => 1)).toMatchObject({ pauseMs: 750 });
  });

  it('gives up after the fifth failure, with the error as it was', () => {
    const decision = afterFailure({ name: 'opening', failed: 4, failedHandshakes: 0 }, temporary, 0, never);
    expect(decision).toEqual({ retry: false, state: { name: 'idle' }, error: temporary });
  });

  it('gives up at once on a final refusal', () => {
    expect(afterFailure(OPENING, final, 0, never)).toMatchObject({ retry: false, error: final });
  });

  it('does not fail a third handshake', () => {
    const once = afterFailure(OPENING, handshake, 0, never);
    expect(once).toMatchObject({ retry: true });
    expect(afterFailure(once.state, handshake, 0, never)).toMatchObject({ retry: false });
  });
});

describe('a recovery', () => {
  it('goes on every 5 s until its 45 s are over', () => {
    const late: SessionState = { ...recovering, failed: 9 };
    expect(afterFailure(late, temporary, SINCE + RECOVERY_MS - 5001, never)).toMatchObject({
      retry: true,
      pauseMs: 5000,
    });
    const decision = afterFailure(late, temporary, SINCE + RECOVERY_MS - 5000, never);
    expect(decision).toMatchObject({ retry: false, state: { name: 'idle' }, error: { code: 'session_lost' } });
  });

  it.each([
    ['the executor’s key changed', 'executor_key_changed'],
    ['the harness is refused', 'not_authorized'],
  ])('ends at once when %s, and says so', (_when, code) => {
    const error = new HarnessError(code, 'recovery', 'final');
    expect(afterFailure(recovering, error, SINCE, never)).toMatchObject({ retry: false, error: { code } });
  });
});
