import type { Deny } from '../../wire/index.ts';
import type { DirectoryChange } from '../directory/directory.ts';
import { identityHashOf } from '../identity-hash.ts';
import { denyId, denyOf } from './deny-list.ts';

/**
 * How long a deny of a pod's incarnation, a revoked key or an ended grant stands, in seconds: longer than any ticket that it refuses
 * (10 min) and than a sidecar or relay can be out of touch and still hold a session (`our-side.md` §6: 120 s). The directory
 * refuses new ones without end.
 */
export const DENY_SECONDS = 3_600;

export type DenyAction =
  | { readonly type: 'deny'; readonly deny: Deny }
  | { readonly type: 'lift'; readonly denyId: string };

/** What relays and sidecars have to be told because of a change (`our-side.md` §7–9). `now` is in seconds since the epoch. */
export function denyActions(change: DirectoryChange, now: number): DenyAction[] {
  const time = { since: now, until: now + DENY_SECONDS };
  switch (change.type) {
    case 'access_ended': {
      const match = { identityHash: identityHashOf(change.identity) };
      return [{ type: 'deny', deny: denyOf(change.environmentId, match, 'grant_ended', time) }];
    }
    case 'access_given': {
      const match = { identityHash: identityHashOf(change.identity) };
      return [{ type: 'lift', denyId: denyId(change.environmentId, match, 'grant_ended') }];
    }
    case 'fence_moved': {
      const match = { incarnation: change.former };
      return [{ type: 'deny', deny: denyOf(change.environmentId, match, 'superseded', time) }];
    }
    case 'key_revoked': {
      const match = { fingerprint: change.fingerprint };
      return [{ type: 'deny', deny: denyOf(change.environmentId, match, 'revoked', time) }];
    }
    case 'keys_changed':
      return [];
    default:
      return change satisfies never;
  }
}
