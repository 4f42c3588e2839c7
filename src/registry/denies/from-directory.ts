import type { DirectoryChange } from '../directory/directory.ts';
import { identityHashOf } from '../identity-hash.ts';
import type { DenyTarget } from './deny-list.ts';

/**
 * How long a deny of a pod's incarnation, a revoked key or an ended grant stands, in seconds: longer than any ticket that it refuses
 * (10 min) and than a sidecar or relay can be out of touch and still hold a session (`our-side.md` §6: 120 s). The directory
 * refuses new ones without end.
 */
export const DENY_SECONDS = 3_600;

export interface DenyAction {
  readonly type: 'deny' | 'lift';
  readonly target: DenyTarget;
}

/** What relays and sidecars have to be told because of a change (`our-side.md` §7–9); undefined for nothing. */
export function denyActionOf(change: DirectoryChange): DenyAction | undefined {
  switch (change.type) {
    case 'access_ended':
      return { type: 'deny', target: accessTarget(change) };
    case 'access_given':
      return { type: 'lift', target: accessTarget(change) };
    case 'grant_ended':
      return { type: 'deny', target: grantTarget(change) };
    case 'grant_given':
      return { type: 'lift', target: grantTarget(change) };
    case 'fence_moved':
      return {
        type: 'deny',
        target: { environmentId: change.environmentId, match: { incarnation: change.former }, reason: 'superseded' },
      };
    case 'fence_set':
      return {
        type: 'lift',
        target: { environmentId: change.environmentId, match: { incarnation: change.current }, reason: 'superseded' },
      };
    case 'key_revoked':
      return {
        type: 'deny',
        target: { environmentId: change.environmentId, match: { fingerprint: change.fingerprint }, reason: 'revoked' },
      };
    case 'keys_changed':
      return undefined;
    default:
      return change satisfies never;
  }
}

function accessTarget({ environmentId, identity }: Extract<DirectoryChange, { identity: string }>): DenyTarget {
  return { environmentId, match: { identityHash: identityHashOf(identity) }, reason: 'grant_ended' };
}

function grantTarget({ environmentId, grant }: Extract<DirectoryChange, { grant: string }>): DenyTarget {
  return { environmentId, match: { grant }, reason: 'grant_ended' };
}
