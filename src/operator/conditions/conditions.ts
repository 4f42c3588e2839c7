import type { ConditionType, ExecutorStatus, Reason } from '../../api/index.ts';
import { secondTime } from '../../kube/index.ts';

/** As stored in status (`metav1.Condition`). */
export type Condition = ExecutorStatus['conditions'][number];

/** What a question says about the object; time and generation are added when it is written. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  /** For people: why, and the field or command that mends it. */
  readonly message: string;
}

/** Longest message that is kept: the words of others (scheduler, kubelet, API server) have no bound. */
const MAX_MESSAGE_LENGTH = 1024;

export interface ConditionUpdate {
  readonly before: readonly Condition[];
  readonly findings: readonly Finding[];
  /** Of the spec that was looked at. */
  readonly generation: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The conditions to write: exactly the findings. A condition that nobody found any more is removed, never left stale (conventions 2). The
 * transition time changes only with the status.
 */
export function nextConditions({ before, findings, generation, now }: ConditionUpdate): Condition[] {
  return findings.map(({ type, status, reason, message }) => {
    const last = before.find((each) => each.type === type);
    return {
      type,
      status,
      reason,
      message: message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`,
      lastTransitionTime: last?.status === status ? last.lastTransitionTime : secondTime(now),
      ...(generation !== undefined && { observedGeneration: generation }),
    };
  });
}
