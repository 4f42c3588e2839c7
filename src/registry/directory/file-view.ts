import type { EnvironmentId, Incarnation } from '../../wire/index.ts';
import { nextFence, nextKeys } from './environment-history.ts';
import type { ParsedDirectoryFile } from './file-format.ts';
import { type DirectoryView, EMPTY_DIRECTORY_VIEW } from './view.ts';

/** Memory of what a file no longer lists, per kind: enough for every token and key of a long day, small enough to keep. */
const MAX_REMEMBERED = 10_000;

interface ClientToken {
  readonly identity: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface ExecutorToken {
  readonly environmentId: EnvironmentId;
  readonly incarnation: Incarnation | undefined;
}

/** One version of the directory file, with what is still known of the versions before it. Never changed once made. */
export interface FileView extends DirectoryView {
  /** By SHA-256 in hex. */
  readonly clientTokens: ReadonlyMap<string, ClientToken>;
  readonly executorTokens: ReadonlyMap<string, ExecutorToken>;
  /** Tokens that an earlier version listed: to tell "expired" and "superseded" from "never seen". */
  readonly formerClientTokens: ReadonlyMap<string, ClientToken>;
  readonly formerExecutorTokens: ReadonlyMap<string, ExecutorToken>;
}

export const EMPTY_VIEW: FileView = {
  ...EMPTY_DIRECTORY_VIEW,
  clientTokens: new Map(),
  executorTokens: new Map(),
  formerClientTokens: new Map(),
  formerExecutorTokens: new Map(),
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
        namespaces: new Set<string>(),
        environments: new Set(each.environments),
        expiresAt: each.expirationTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(each.expirationTime),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function remembered<T>(
  former: ReadonlyMap<string, T>,
  before: ReadonlyMap<string, T>,
  listed: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const all = [...former, ...before].filter(([sha256]) => !listed.has(sha256));
  return new Map(all.slice(-MAX_REMEMBERED));
}
