import { microTime } from '../objects/micro-time.ts';

/** `LeaseSpec` of `coordination.k8s.io/v1`: times are `MicroTime`s. */
export interface LeaseSpec {
  /** Null or empty: nobody. */
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
}

export interface LeaseTimes {
  /** So long after its last renewal another may take a lease. Milliseconds. */
  readonly durationMs: number;
  /** A leader that could not renew for so long stops leading; well below `durationMs`. Milliseconds. */
  readonly deadlineMs: number;
  /** How often a leader renews. Milliseconds. */
  readonly renewMs: number;
  /** How often a candidate looks. Milliseconds: it bounds how long a released lease stays free. */
  readonly lookMs: number;
}

/**
 * A leader that dies is replaced within 13 s and a look. Renewing may fail for 9 s (three attempts and a restart of the API server, about 2 s) before
 * the leader steps down, 4 s before anybody else may lead: more than a reconcile that is told to stop needs to end.
 */
export const LEASE_TIMES: LeaseTimes = { durationMs: 13_000, deadlineMs: 9_000, renewMs: 2_000, lookMs: 800 };

/**
 * A lease as this process saw it change. Its times are another clock's: what counts is how long *we* have seen it unchanged
 * (client-go, `leaderelection.go`).
 */
export interface ObservedLease {
  readonly spec: LeaseSpec;
  /** When this state was first seen, in milliseconds of our clock. */
  readonly seenAt: number;
}

export type LeaseDecision =
  | { readonly action: 'take' | 'renew'; readonly spec: LeaseSpec }
  | { readonly action: 'wait' };

/** What a candidate or the holder does now; `observed` undefined: there is no lease yet. */
export function decideLease(
  observed: ObservedLease | undefined,
  { identity, now, times }: { readonly identity: string; readonly now: number; readonly times: LeaseTimes },
): LeaseDecision {
  const at = microTime(now);
  const leaseDurationSeconds = Math.ceil(times.durationMs / 1000);
  const spec = observed?.spec;
  if (spec?.holderIdentity === identity) {
    return { action: 'renew', spec: { ...spec, leaseDurationSeconds, renewTime: at } };
  }
  if (observed !== undefined && isHeld(observed, now, times)) return { action: 'wait' };
  return {
    action: 'take',
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds,
      acquireTime: at,
      renewTime: at,
      leaseTransitions: (spec?.leaseTransitions ?? 0) + (observed === undefined ? 0 : 1),
    },
  };
}

function isHeld({ spec, seenAt }: ObservedLease, now: number, times: LeaseTimes): boolean {
  if (!spec.holderIdentity) return false;
  // The holder's own word on its duration, if it is a longer one: it may be of another version.
  const durationMs = Math.max(times.durationMs, (spec.leaseDurationSeconds ?? 0) * 1000);
  return now < seenAt + durationMs;
}

/** A lease given back: free at once. */
export function releasedLease(spec: LeaseSpec, now: number): LeaseSpec {
  return { ...spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(now) };
}
