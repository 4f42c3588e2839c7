/** Pauses between the at most five requests of a first connection, in milliseconds (contract §2.3). */
const INITIAL_PAUSES_MS = [500, 1000, 2000, 4000];

/** Pauses while a session is being recovered; the last one repeats until the deadline (contract §2.3). */
const RECOVERY_PAUSES_MS = [500, 1000, 2000, 4000, 5000];

/** Each pause is stretched by up to this share, so that many harnesses do not come back together. */
const MAX_STRETCH = 0.5;

export type ConnectPurpose = 'initial' | 'recovery';

/**
 * The pause in milliseconds after `attempt` failed attempts (1, 2, …), or undefined when there is no further one. The recovery of a
 * session is bounded by its deadline instead.
 */
export function pauseAfter(attempt: number, purpose: ConnectPurpose, random: () => number): number | undefined {
  const pauses = purpose === 'initial' ? INITIAL_PAUSES_MS : RECOVERY_PAUSES_MS;
  const pause = pauses[attempt - 1] ?? (purpose === 'recovery' ? pauses.at(-1) : undefined);
  return pause === undefined ? undefined : pause * (1 + random() * MAX_STRETCH);
}

/** The retry set of `connect` (contract §2.3): 409 only as `environment_offline`. */
export function isRetryableConnect(status: number, code: string | undefined): boolean {
  if (status === 409) return code === 'environment_offline';
  return status === 408 || status === 429 || status >= 500;
}
