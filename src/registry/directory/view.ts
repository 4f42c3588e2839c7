import type { Access, EnvironmentId } from '../../wire/index.ts';
import { identityHashOf } from '../identity-hash.ts';
import type { EnvironmentRecord } from './directory.ts';

/** A grant with its selectors resolved: who, to what, until when. */
export interface GrantRecord {
  readonly name: string;
  readonly identities: ReadonlySet<string>;
  /** Namespaces all of whose ServiceAccounts are meant, besides. */
  readonly namespaces: ReadonlySet<string>;
  readonly environments: ReadonlySet<EnvironmentId>;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Who exists and who may do what at one instant. Never changed once made. */
export interface DirectoryView {
  readonly environments: ReadonlyMap<EnvironmentId, EnvironmentRecord>;
  /** In order of name. */
  readonly grants: readonly GrantRecord[];
}

export const EMPTY_DIRECTORY_VIEW: DirectoryView = { environments: new Map(), grants: [] };

/** The first grant in order of name that allows this now. */
export function grantIn(
  view: DirectoryView,
  identity: string,
  environmentId: EnvironmentId,
  now: number,
): string | undefined {
  return view.grants.find(
    (grant) => now < grant.expiresAt && grant.environments.has(environmentId) && means(grant, identity),
  )?.name;
}

/**
 * Whether somebody of whom only a hash is known may still be in: some grant names him, or the grant that let him in still does by namespace,
 * which a hash does not tell.
 */
export function accessStandsIn(
  view: DirectoryView,
  { environmentId, identityHash, grant }: Access,
  now: number,
): boolean {
  return view.grants.some(
    ({ name, identities, namespaces, environments, expiresAt }) =>
      now < expiresAt &&
      environments.has(environmentId) &&
      ((name === grant && namespaces.size > 0) ||
        [...identities].some((identity) => identityHashOf(identity) === identityHash)),
  );
}

/** Whether an identity is among those that a grant names, one by one or by their namespace. */
export function means(grant: Pick<GrantRecord, 'identities' | 'namespaces'>, identity: string): boolean {
  const namespace = namespaceOf(identity);
  return grant.identities.has(identity) || (namespace !== undefined && grant.namespaces.has(namespace));
}

/** Of `sa:NAMESPACE/NAME`; undefined for any other identity. */
function namespaceOf(identity: string): string | undefined {
  return /^sa:([^/]+)\/[^/]+$/.exec(identity)?.[1];
}
