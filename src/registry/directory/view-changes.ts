import type { EnvironmentId } from '../../wire/index.ts';
import type { DirectoryChange, EnvironmentRecord } from './directory.ts';
import { type DirectoryView, EMPTY_DIRECTORY_VIEW, type GrantRecord, grantIn, means } from './view.ts';

/** One version at one time: grants expire by themselves. */
interface Instant {
  readonly view: DirectoryView;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * What became different between two versions, or between two instants of one version. An identity's access ends only when no grant is
 * left that allows it (`our-side.md` §8). Whom a grant means by their namespace is known only as far as they were `seen` here; when such a
 * grant ends and nothing else lets anybody of that namespace in, the end of the grant itself is the news, which holds for those not seen.
 */
export function changesBetween(before: Instant, after: Instant, seen: Iterable<string> = []): DirectoryChange[] {
  return [
    ...accessChanges(before, after, [...seen]),
    ...groupChanges(before, after),
    ...environmentChanges(before.view, after.view),
  ];
}

/** What whoever begins to listen has to hear: keys that are revoked, and grants that expired before. */
export function standingChanges(view: DirectoryView, now: number): DirectoryChange[] {
  const longAgo = { view: EMPTY_DIRECTORY_VIEW, now: 0 };
  // Grants that expired before we started ended somebody's access too: seen from long ago they did not.
  const everything = { view, now: 0 };
  return [...changesBetween(longAgo, everything), ...changesBetween(everything, { view, now })].filter(
    ({ type }) => type === 'key_revoked' || type === 'access_ended' || type === 'grant_ended',
  );
}

/** When the next grant of this view expires, in milliseconds since the epoch. */
export function nextGrantExpiry(view: DirectoryView, now: number): number | undefined {
  const future = view.grants.map((grant) => grant.expiresAt).filter((at) => at > now && Number.isFinite(at));
  return future.length === 0 ? undefined : Math.min(...future);
}

type Pairs = ReadonlyMap<string, { readonly identity: string; readonly environmentId: EnvironmentId }>;

function accessChanges(before: Instant, after: Instant, seen: readonly string[]): DirectoryChange[] {
  const had = accessPairs(before, seen);
  const has = accessPairs(after, seen);
  // Those that a namespace lets in are listed only when they were seen, so an end counts only if nothing else lets them in.
  const ended = [...had].filter(
    ([pair, { identity, environmentId }]) =>
      !has.has(pair) && grantIn(after.view, identity, environmentId, after.now) === undefined,
  );
  return [
    ...ended.map(([, each]) => ({ type: 'access_ended' as const, ...each })),
    ...[...has].filter(([pair]) => !had.has(pair)).map(([, each]) => ({ type: 'access_given' as const, ...each })),
  ];
}

function accessPairs({ view, now }: Instant, seen: readonly string[]): Pairs {
  const pairs = new Map<string, { identity: string; environmentId: EnvironmentId }>();
  for (const grant of view.grants) {
    if (now >= grant.expiresAt) continue;
    const known = grant.namespaces.size === 0 ? [] : seen.filter((identity) => means(grant, identity));
    for (const environmentId of grant.environments) {
      for (const identity of [...grant.identities, ...known]) {
        pairs.set(`${environmentId} ${identity}`, { identity, environmentId });
      }
    }
  }
  return pairs;
}

function groupChanges(before: Instant, after: Instant): DirectoryChange[] {
  const had = groupPairs(before);
  const has = groupPairs(after);
  const ended = [...had.values()].filter(
    ({ grant, environmentId }) =>
      !has.has(`${environmentId} ${grant.name}`) && !stillLetsIn(after, environmentId, grant),
  );
  const given = [...has].filter(([pair]) => !had.has(pair)).map(([, each]) => each);
  const named = ({ grant, environmentId }: GroupAccess) => ({ environmentId, grant: grant.name });
  return [
    ...ended.map((each) => ({ type: 'grant_ended' as const, ...named(each) })),
    ...given.map((each) => ({ type: 'grant_given' as const, ...named(each) })),
  ];
}

interface GroupAccess {
  readonly environmentId: EnvironmentId;
  readonly grant: GrantRecord;
}

/** Where grants that mean whole namespaces are in force. */
function groupPairs({ view, now }: Instant): Map<string, GroupAccess> {
  const pairs = new Map<string, GroupAccess>();
  for (const grant of view.grants) {
    if (now >= grant.expiresAt || grant.namespaces.size === 0) continue;
    for (const environmentId of grant.environments)
      pairs.set(`${environmentId} ${grant.name}`, { environmentId, grant });
  }
  return pairs;
}

/** Whether anybody whom `ended` let in there may have another grant, or the same one still: then its end as a whole is no news. */
function stillLetsIn({ view, now }: Instant, environmentId: EnvironmentId, ended: GrantRecord): boolean {
  const overlaps = (grant: GrantRecord) =>
    [...grant.namespaces].some((namespace) => ended.namespaces.has(namespace)) ||
    [...grant.identities].some((identity) => means(ended, identity)) ||
    [...ended.identities].some((identity) => means(grant, identity));
  return view.grants.some((grant) => now < grant.expiresAt && grant.environments.has(environmentId) && overlaps(grant));
}

function environmentChanges(before: DirectoryView, after: DirectoryView): DirectoryChange[] {
  const changes: DirectoryChange[] = [];
  for (const [environmentId, record] of after.environments) {
    const earlier = before.environments.get(environmentId);
    const former = earlier?.fence.current;
    if (former !== undefined && former !== record.fence.current) {
      changes.push({ type: 'fence_moved', environmentId, former });
    }
    const { current } = record.fence;
    if (current !== undefined && current !== former) changes.push({ type: 'fence_set', environmentId, current });
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
