import type { EnvironmentId, Incarnation } from '../../wire/index.ts';
import type { EnvironmentRecord, KeyRecord } from './directory.ts';
import type { ParsedDirectoryFile } from './file-format.ts';

/** Memory of what a file no longer lists, per kind: enough for every token and key of a long day, small enough to keep. */
const MAX_REMEMBERED = 10_000;
/** Fences and keys remembered per environment. */
const MAX_REMEMBERED_PER_ENVIRONMENT = 64;

interface ClientToken {
  readonly identity: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface ExecutorToken {
  readonly environmentId: EnvironmentId;
  readonly incarnation: Incarnation | undefined;
}

interface GrantRecord {
  readonly name: string;
  readonly identities: ReadonlySet<string>;
  readonly environments: ReadonlySet<EnvironmentId>;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** One version of the directory file, with what is still known of the versions before it. Never changed once made. */
export interface FileView {
  readonly environments: ReadonlyMap<EnvironmentId, EnvironmentRecord>;
  /** By SHA-256 in hex. */
  readonly clientTokens: ReadonlyMap<string, ClientToken>;
  readonly executorTokens: ReadonlyMap<string, ExecutorToken>;
  /** Tokens that an earlier version listed: to tell "expired" and "superseded" from "never seen". */
  readonly formerClientTokens: ReadonlyMap<string, ClientToken>;
  readonly formerExecutorTokens: ReadonlyMap<string, ExecutorToken>;
  /** In order of name. */
  readonly grants: readonly GrantRecord[];
}

export const EMPTY_VIEW: FileView = {
  environments: new Map(),
  clientTokens: new Map(),
  executorTokens: new Map(),
  formerClientTokens: new Map(),
  formerExecutorTokens: new Map(),
  grants: [],
};

export function nextView(before: FileView, file: ParsedDirectoryFile): FileView {
  const environments = new Map(
    file.environments.map((each) => [
      each.id,
      {
        id: each.id,
        runtime: each.runtime,
        fence: nextFence(before.environments.get(each.id), each.incarnation),
        keys: nextKeys(before.environments.get(each.id), each.keys),
      },
    ]),
  );
  const clientTokens = new Map(
    file.identities.flatMap((identity) =>
      identity.tokens.map(({ sha256, expirationTime }) => [
        sha256,
        { identity: identity.name, expiresAt: Date.parse(expirationTime) },
      ]),
    ),
  );
  const executorTokens = new Map(
    file.environments.flatMap((each) =>
      each.executorTokenSha256.map((sha256) => [sha256, { environmentId: each.id, incarnation: each.incarnation }]),
    ),
  );
  return {
    environments,
    clientTokens,
    executorTokens,
    formerClientTokens: remembered(before.formerClientTokens, before.clientTokens, clientTokens),
    formerExecutorTokens: remembered(before.formerExecutorTokens, before.executorTokens, executorTokens),
    grants: file.grants
      .map((each) => ({
        name: each.name,
        identities: new Set(each.identities),
        environments: new Set(each.environments),
        expiresAt: each.expirationTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(each.expirationTime),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** The first grant in order of name that allows this now. */
export function grantIn(
  view: FileView,
  identity: string,
  environmentId: EnvironmentId,
  now: number,
): string | undefined {
  return view.grants.find(
    (grant) => now < grant.expiresAt && grant.identities.has(identity) && grant.environments.has(environmentId),
  )?.name;
}

function nextFence(
  before: EnvironmentRecord | undefined,
  current: Incarnation | undefined,
): EnvironmentRecord['fence'] {
  const earlier = [...(before?.fence.former ?? []), before?.fence.current].filter((each) => each !== undefined);
  const former = [...new Set(earlier)].filter((each) => each !== current);
  return { current, former: former.slice(-MAX_REMEMBERED_PER_ENVIRONMENT) };
}

/** A key that is no longer listed stays known as `Destroyed`, so that its owner hears "no longer" and not "not yet". */
function nextKeys(before: EnvironmentRecord | undefined, listed: readonly KeyRecord[]): readonly KeyRecord[] {
  const fingerprints = new Set(listed.map((key) => key.fingerprint));
  const gone = (before?.keys ?? [])
    .filter((key) => !fingerprints.has(key.fingerprint))
    .map((key): KeyRecord => (key.state === 'Revoked' ? key : { ...key, state: 'Destroyed' }));
  return [...gone.slice(-MAX_REMEMBERED_PER_ENVIRONMENT), ...listed];
}

function remembered<T>(
  former: ReadonlyMap<string, T>,
  before: ReadonlyMap<string, T>,
  listed: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const all = [...former, ...before].filter(([sha256]) => !listed.has(sha256));
  return new Map(all.slice(-MAX_REMEMBERED));
}
