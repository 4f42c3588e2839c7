import { type ExecutorStatus, REASONS, type StoredExecutor, UPDATE_PENDING } from '../../api/index.ts';
import { isHeld } from '../../keys/index.ts';
import { secondTime } from '../../kube/index.ts';
import type { ExecutorFacts } from './facts.ts';

export type SessionsStatus = ExecutorStatus['sessions'];

type Key = StoredExecutor['status']['keys' | 'formerKeys'][number];

/**
 * How long what registries said last is shown after they were lost, or after this operator began to lead. Milliseconds. Long enough for a
 * registry to be replaced and for a hand-over between operators, so that neither rewrites the status of every executor twice.
 */
export const SHOWN_FOR_MS = 60_000;

/** `status.sessions` for what is known now, and until when that is so if nothing more is heard. */
export function sessionsStatus(
  before: SessionsStatus,
  { known, sessions, lastActivity }: ExecutorFacts,
  { changedAt, now }: { readonly changedAt: number; readonly now: number },
): { readonly sessions: SessionsStatus; readonly until?: number } {
  if (sessions !== undefined) {
    const lastActivityTime = lastActivity === undefined ? undefined : secondTime(lastActivity * 1000);
    return { sessions: { count: sessions, ...(lastActivityTime !== undefined && { lastActivityTime }) } };
  }
  const until = changedAt + SHOWN_FOR_MS;
  if (known || before === undefined || until <= now) return { sessions: undefined };
  return { sessions: before, until };
}

/** Whether the status of an executor, or its pod, has to be looked at again because of what registries say now. */
export function isNews({ spec, status }: Pick<StoredExecutor, 'spec' | 'status'>, facts: ExecutorFacts): boolean {
  if (spec.runtime.type === 'External') return true;
  const waits = status.conditions.some(
    ({ type, reason }) => type === UPDATE_PENDING && reason === REASONS.SessionsRunning,
  );
  if (waits && facts.idle) return true;
  if (waitsForKeys(status, facts)) return true;
  const shown = sessionsStatus(undefined, facts, { changedAt: 0, now: 0 }).sessions;
  return shown?.count !== status.sessions?.count || shown?.lastActivityTime !== status.sessions?.lastActivityTime;
}

/** Whether what registries say of keys may be more than status says. */
function waitsForKeys({ keys, formerKeys }: StoredExecutor['status'], facts: ExecutorFacts): boolean {
  return [...keys, ...formerKeys].some((key) => {
    const { state, fingerprint } = key;
    if (fingerprint === undefined) return false;
    if (state === 'Prepared') return facts.registrations.some((each) => each.fingerprint === fingerprint);
    if (state === 'Revoked' && waitsForCut(key, facts)) return true;
    return isHeld(key) && facts.loaded?.has(fingerprint) === false;
  });
}

/** It is not complete, or somebody came in late of whom it was not heard. */
function waitsForCut({ cut, fingerprint }: Key, { denies }: ExecutorFacts): boolean {
  if (cut?.completionTime === undefined) return true;
  const missing = new Set(cut.missing);
  return denies.some(({ match, acknowledgements }) => {
    const isOfKey = 'fingerprint' in match && match.fingerprint === fingerprint;
    return isOfKey && acknowledgements.some(({ by }) => missing.has(by));
  });
}
