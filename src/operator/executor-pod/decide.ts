import type { Executor, ExecutorStatus } from '../../api/index.ts';
import { parseTime, secondTime } from '../../kube/index.ts';
import { failuresAfter, replacementPause } from './backoff.ts';

export type PodStatus = NonNullable<ExecutorStatus['pod']>;

/** What is seen of the pod that counts. */
export interface ObservedPod {
  readonly name: string;
  readonly uid: string;
  /** Hash of what it was made from. */
  readonly hash: string | undefined;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly ending: boolean;
  /** Why it is not running or not well, in the words of scheduler or kubelet. */
  readonly message: string;
}

export interface ObservedExecutorPod {
  readonly operatingMode: Executor['spec']['operatingMode'];
  readonly updatePolicy: Executor['spec']['updatePolicy'];
  /** Everything that a pod needs is there: accepted, relay known, key prepared. */
  readonly startable: boolean;
  /** Hash of what a pod would be made from now; undefined while it cannot be told. */
  readonly desiredHash: string | undefined;
  readonly status: PodStatus | undefined;
  /** The pod of the name in status (of the first attempt when there is no status yet), looked up for sure: absent means gone. */
  readonly pod: ObservedPod | undefined;
  /** It is known that nobody has a session. False when nobody knows. */
  readonly idle: boolean;
}

type PodAction =
  | { readonly type: 'none' }
  /** Make the pod of this attempt; its UID goes into status before anything else. */
  | { readonly type: 'create'; readonly attempt: number };

export interface PodDecision {
  readonly action: PodAction;
  /** `status.pod` without the UID of a pod that is still to be made. */
  readonly status: PodStatus | undefined;
  /** An older pod goes on until then: what it waits for. */
  readonly updateWaits: 'SessionsRunning' | 'WaitingForDelete' | undefined;
  /** Look again then, in milliseconds. */
  readonly nextTime: number | undefined;
}

/** The names of pods by attempt; pure. */
export type PodNames = (attempt: number) => string;

/**
 * Which pod there should be. Exactly one counts, the one whose UID is in status: every other pod of the executor is deleted by the caller. A pod
 * that ended or is ending is followed by the next attempt, under a new name, at once the first time and later each time after that.
 */
export function decidePod(observed: ObservedExecutorPod, nameOf: PodNames, now: number): PodDecision {
  const { status, pod, operatingMode, startable } = observed;
  const current = status ?? { name: nameOf(1), attempt: 1, failures: 0 };
  if (operatingMode === 'Suspended') return rest(suspended(current, pod, nameOf));

  const counts = pod !== undefined && pod.uid === current.uid;
  if (counts && !hasEnded(pod)) return running({ ...observed, pod }, current, nameOf);
  // Gone, ended, or of this name and not the one that we made (`MadePods`): its name is used up in any case.
  const failed = pod !== undefined || current.uid !== undefined;
  const next = failed ? afterFailure(current, nameOf, now) : current;
  if (!startable) return rest(next);
  const retryAt = parseTime(next.retryTime);
  if (retryAt !== undefined && retryAt > now) return { ...rest(next), nextTime: retryAt };
  return { ...rest(next), action: { type: 'create', attempt: next.attempt } };
}

function running(
  { pod, desiredHash, updatePolicy, idle: withoutSessions }: ObservedExecutorPod & { readonly pod: ObservedPod },
  known: PodStatus,
  nameOf: PodNames,
): PodDecision {
  if (desiredHash === undefined || pod.hash === desiredHash) return rest(known);
  // A pod that never came to run has no sessions, and may not come to run because of what has now been mended.
  const idle = pod.phase === 'Pending' || withoutSessions;
  if (updatePolicy === 'OnDelete' && pod.phase !== 'Pending')
    return { ...rest(known), updateWaits: 'WaitingForDelete' };
  if (updatePolicy === 'WhenIdle' && !idle) return { ...rest(known), updateWaits: 'SessionsRunning' };
  const attempt = known.attempt + 1;
  const status: PodStatus = { name: nameOf(attempt), attempt, failures: known.failures };
  return { ...rest(status), action: { type: 'create', attempt } };
}

/** The name after the one that was used, so that the pod that ends now is not found again on resumption. */
function suspended(current: PodStatus, pod: ObservedPod | undefined, nameOf: PodNames): PodStatus {
  if (pod === undefined && current.uid === undefined) return { ...withoutRetry(current), failures: 0 };
  const attempt = current.attempt + 1;
  return { name: nameOf(attempt), attempt, failures: 0 };
}

function afterFailure(current: PodStatus, nameOf: PodNames, now: number): PodStatus {
  const lived = now - (parseTime(current.startTime) ?? now);
  const failures = failuresAfter(current.failures, lived);
  const attempt = current.attempt + 1;
  const pause = replacementPause(failures);
  return { name: nameOf(attempt), attempt, failures, ...(pause > 0 && { retryTime: secondTime(now + pause) }) };
}

function withoutRetry({ retryTime: _, ...status }: PodStatus): PodStatus {
  return status;
}

function hasEnded({ phase, ending }: ObservedPod): boolean {
  return ending || phase === 'Succeeded' || phase === 'Failed';
}

function rest(status: PodStatus): PodDecision {
  return { action: { type: 'none' }, status, updateWaits: undefined, nextTime: undefined };
}
