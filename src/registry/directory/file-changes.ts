import type { EnvironmentId } from '../../wire/index.ts';
import type { DirectoryChange, EnvironmentRecord } from './directory.ts';
import type { FileView } from './file-view.ts';

/**
 * What became different between two versions of the file, or between two instants of one version (grants expire by themselves).
 * An identity's access ends only when no grant is left that allows it (`our-side.md` §8).
 */
export function changesBetween(
  before: { readonly view: FileView; readonly now: number },
  after: { readonly view: FileView; readonly now: number },
): DirectoryChange[] {
  return [...accessChanges(before, after), ...environmentChanges(before.view, after.view)];
}

/** When the next grant of this view expires, in milliseconds since the epoch. */
export function nextGrantExpiry(view: FileView, now: number): number | undefined {
  const future = view.grants.map((grant) => grant.expiresAt).filter((at) => at > now && Number.isFinite(at));
  return future.length === 0 ? undefined : Math.min(...future);
}

type Pairs = ReadonlyMap<string, { readonly identity: string; readonly environmentId: EnvironmentId }>;

function accessChanges(before: Instant, after: Instant): DirectoryChange[] {
  const had = accessPairs(before);
  const has = accessPairs(after);
  return [
    ...[...had].filter(([pair]) => !has.has(pair)).map(([, each]) => ({ type: 'access_ended' as const, ...each })),
    ...[...has].filter(([pair]) => !had.has(pair)).map(([, each]) => ({ type: 'access_given' as const, ...each })),
  ];
}

interface Instant {
  readonly view: FileView;
  readonly now: number;
}

function accessPairs({ view, now }: Instant): Pairs {
  const pairs = new Map<string, { identity: string; environmentId: EnvironmentId }>();
  for (const grant of view.grants) {
    if (now >= grant.expiresAt) continue;
    for (const environmentId of grant.environments) {
      for (const identity of grant.identities) pairs.set(`${environmentId} ${identity}`, { identity, environmentId });
    }
  }
  return pairs;
}

function environmentChanges(before: FileView, after: FileView): DirectoryChange[] {
  const changes: DirectoryChange[] = [];
  for (const [environmentId, record] of after.environments) {
    const earlier = before.environments.get(environmentId);
    const former = earlier?.fence.current;
    if (former !== undefined && former !== record.fence.current) {
      changes.push({ type: 'fence_moved', environmentId, former });
    }
    for (const fingerprint of newlyRevoked(earlier, record)) {
      changes.push({ type: 'key_revoked', environmentId, fingerprint });
    }
    if (keysText(earlier) !== keysText(record)) changes.push({ type: 'keys_changed', environmentId });
  }
  for (const [environmentId, { fence }] of before.environments) {
    if (after.environments.has(environmentId) || fence.current === undefined) continue;
    changes.push({ type: 'fence_moved', environmentId, former: fence.current });
  }
  return changes;
}

function newlyRevoked(before: EnvironmentRecord | undefined, after: EnvironmentRecord) {
  const known = new Set(before?.keys.filter((key) => key.state === 'Revoked').map((key) => key.fingerprint));
  return after.keys
    .filter((key) => key.state === 'Revoked' && !known.has(key.fingerprint))
    .map((key) => key.fingerprint);
}

function keysText(record: EnvironmentRecord | undefined): string {
  return JSON.stringify(record?.keys ?? []);
}
