import { parseTime, secondTime } from '../../kube/index.ts';
import type { Dependency, KeyFailure, KeysRecord } from './record.ts';

/** The first pause after a failure, and the longest, in milliseconds: a store that comes back is used within five minutes. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

export interface Failing {
  readonly dependency: Dependency;
  readonly code: string;
  readonly message: string;
}

/** What is remembered of an effect that failed: since when, and when it is tried again, later each time. */
export function withFailure(record: KeysRecord, { dependency, code, message }: Failing, now: number): KeysRecord {
  const before = record.failures.find((failure) => failure.dependency === dependency);
  const failures = (before?.failures ?? 0) + 1;
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 30));
  const failure: KeyFailure = {
    dependency,
    code,
    message,
    failures,
    sinceTime: before?.sinceTime ?? secondTime(now),
    // Up to the next second, so that what is stored is never before the pause is over.
    retryTime: secondTime(now + pause + 999),
  };
  return { ...record, failures: [...without(record.failures, dependency), failure] };
}

/** It works again, or nothing is wanted of it any more. */
export function withoutFailure(record: KeysRecord, dependency: Dependency): KeysRecord {
  return record.failures.some((failure) => failure.dependency === dependency)
    ? { ...record, failures: without(record.failures, dependency) }
    : record;
}

/** When it may be tried again, in milliseconds; undefined: at once. A time that only a wrong clock can have written does not count. */
export function pausedUntil({ failures }: KeysRecord, dependency: Dependency, now: number): number | undefined {
  const until = parseTime(failures.find((failure) => failure.dependency === dependency)?.retryTime);
  return until === undefined || until <= now || until > now + LONGEST_PAUSE_MS + FIRST_PAUSE_MS ? undefined : until;
}

function without(failures: readonly KeyFailure[], dependency: Dependency): readonly KeyFailure[] {
  return failures.filter((failure) => failure.dependency !== dependency);
}
