import { MAX_HANDLED_REQUESTS } from '../../api/index.ts';
import { parseTime, secondTime } from '../../kube/index.ts';
import { isTimely, nextTurn, rotationTime } from '../schedule/schedule.ts';
import type { ObservedKeys, RotationRequest } from './observed.ts';
import { isLive, isUnderWay, type KeyRecord, type KeysRecord } from './record.ts';

/** Why a new key is made. */
export interface Cause {
  readonly trigger: KeyRecord['trigger'];
  readonly requestedBy?: string | undefined;
  readonly requester?: KeyRecord['requester'];
  readonly reason?: string | undefined;
}

/** A clock may be this far behind the one that wrote a time before that time is taken for a mistake. Milliseconds. */
export const CLOCK_TOLERANCE_MS = 60_000;

/**
 * Whether a new key is wanted, and why; the first cause is the one that history names. What is asked for while a rotation is under way waits for
 * its end: then exactly one more is made, for the value that stands there then.
 */
export function causeOf(record: KeysRecord, observed: ObservedKeys, now: number): Cause | undefined {
  if (!record.keys.some(isUsable)) return firstOrNext(record, observed.rotation);
  if (record.keys.some(isUnderWay)) return undefined;
  const request = openRequest(record, observed.rotation);
  if (request !== undefined) return causeOfRequest(request);
  return isScheduled(record, observed, now) ? { trigger: 'Schedule' } : undefined;
}

/** Whether somebody or the schedule wants a rotation that has not begun. */
export function isRotationWanted(record: KeysRecord, observed: ObservedKeys, now: number): boolean {
  return openRequest(record, observed.rotation) !== undefined || isScheduled(record, observed, now);
}

/** The request that nobody has handled. */
function openRequest(
  { handledRequests }: KeysRecord,
  request: RotationRequest | undefined,
): RotationRequest | undefined {
  return request === undefined || handledRequests.includes(request.value) ? undefined : request;
}

/** A value that is there when a rotation begins is handled by it, whatever caused it. */
export function handledWith(handled: readonly string[], request: RotationRequest | undefined): readonly string[] {
  if (request === undefined || handled.includes(request.value)) return handled;
  return [request.value, ...handled].slice(0, MAX_HANDLED_REQUESTS);
}

/** When the schedule makes the next key, in milliseconds; undefined when no window opens any more, or no key was made yet. */
export function plannedRotation(record: KeysRecord, observed: ObservedKeys, now: number): number | undefined {
  const created = parseTime(newest(record)?.creationTime);
  if (created === undefined) return undefined;
  const { policy, holder } = observed;
  if (created <= now + CLOCK_TOLERANCE_MS) return rotationTime(created, policy, holder);
  // A clock was ahead when that key was made. Counted from there the next one might be years away.
  const fromNow = rotationTime(now, policy, holder);
  const known = parseTime(record.nextRotationTime);
  return known === undefined || fromNow === undefined ? fromNow : Math.min(known, fromNow);
}

/** `status.nextRotationTime`: when it is late, the next turn. */
export function withNextRotation(record: KeysRecord, observed: ObservedKeys, now: number): KeysRecord {
  const planned = plannedRotation(record, observed, now);
  const next = planned && nextTurn(planned, now, observed.policy, observed.holder);
  const nextRotationTime = next === undefined ? undefined : secondTime(next);
  // While it is due and waits it is not put off.
  if (isScheduled(record, observed, now) && record.nextRotationTime !== undefined) return record;
  return nextRotationTime === record.nextRotationTime ? record : { ...record, nextRotationTime };
}

function isScheduled(record: KeysRecord, observed: ObservedKeys, now: number): boolean {
  const planned = plannedRotation(record, observed, now);
  return planned !== undefined && isTimely(planned, now, observed.policy, observed.holder);
}

/** The first key there ever is satisfies a request that came with the manifest; after a revocation the next one is for that. */
function firstOrNext({ keys }: KeysRecord, request: RotationRequest | undefined): Cause {
  if (keys.length > 0) return { trigger: 'Revocation' };
  return { ...(request === undefined ? {} : causeOfRequest(request)), trigger: 'Initial' };
}

function causeOfRequest({ trigger, requestedBy, proven, reason }: RotationRequest): Cause {
  return {
    trigger,
    ...(requestedBy !== undefined && { requestedBy }),
    requester: proven ? 'Verified' : 'Unverified',
    ...(reason !== undefined && { reason }),
  };
}

/** A key that serves, or is on its way to. One that is retiring serves only until its time. */
function isUsable({ state }: KeyRecord): boolean {
  return state === 'Pending' || state === 'Prepared' || state === 'Active';
}

function newest({ keys }: KeysRecord): KeyRecord | undefined {
  return keys.filter((key) => key.state === 'Pending' || isLive(key)).at(-1);
}
