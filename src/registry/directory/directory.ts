import type { Access, EnvironmentId, Fingerprint, Incarnation, KeyId } from '../../wire/index.ts';

/** Where an executor lives (`design.md` §3). `External` has no pod: whoever holds its registration token is the executor. */
type Runtime = 'BuiltIn' | 'Codex' | 'External';

/** `Destroyed` also stands for a key that the directory knew once and no longer lists. */
export type KeyState = 'Prepared' | 'Active' | 'Retiring' | 'Revoked' | 'Destroyed';

export interface KeyRecord {
  readonly id: KeyId;
  readonly fingerprint: Fingerprint;
  readonly state: KeyState;
}

/** Which incarnation of a pod executor may act (`our-side.md` §9). */
interface Fence {
  /** Undefined: no pod may register yet. Meaningless for `External`. */
  readonly current: Incarnation | undefined;
  /** Earlier fences, as far as they are remembered: what tells a replaced pod from one that is not the fence yet. */
  readonly former: readonly Incarnation[];
}

export interface EnvironmentRecord {
  readonly id: EnvironmentId;
  readonly runtime: Runtime;
  readonly fence: Fence;
  /** Oldest first: the last one that may be handed out is "the newest key". */
  readonly keys: readonly KeyRecord[];
}

/** A credential that proves nothing for sure: `unavailable` means "cannot tell now", never "bad". */
type NotProven =
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'unavailable' };

export type ClientAuthentication = { readonly outcome: 'proven'; readonly identity: string } | NotProven;

export type ExecutorAuthentication =
  | {
      readonly outcome: 'proven';
      /** The only environment that this credential speaks for. */
      readonly environmentId: EnvironmentId;
      /** The pod that holds it; undefined for `External`. */
      readonly incarnation: Incarnation | undefined;
    }
  | NotProven;

/** What happened, in the words that the registry acts on. A notification without changes still says: look again. */
export type DirectoryChange =
  | { readonly type: 'access_ended'; readonly environmentId: EnvironmentId; readonly identity: string }
  | { readonly type: 'access_given'; readonly environmentId: EnvironmentId; readonly identity: string }
  /** Nobody has access by this grant any more: those whom it named by their namespace may not be known one by one. */
  | { readonly type: 'grant_ended'; readonly environmentId: EnvironmentId; readonly grant: string }
  | { readonly type: 'grant_given'; readonly environmentId: EnvironmentId; readonly grant: string }
  | { readonly type: 'fence_moved'; readonly environmentId: EnvironmentId; readonly former: Incarnation }
  /** This pod counts from now on, perhaps once more: an executor may have been out of service for a while, or this directory behind. */
  | { readonly type: 'fence_set'; readonly environmentId: EnvironmentId; readonly current: Incarnation }
  | { readonly type: 'key_revoked'; readonly environmentId: EnvironmentId; readonly fingerprint: Fingerprint }
  | { readonly type: 'keys_changed'; readonly environmentId: EnvironmentId };

/**
 * Who exists and who may do what: identities, executors, keys, grants. On one machine it is a file, in a cluster the API server's
 * objects and token reviews. Reads are local and cheap; only authentication may have to ask somebody, so it is asynchronous.
 */
export interface Directory {
  /** False until everything was read once. An unknown id means "not there" only while this is true. */
  synced(): boolean;
  /** Whether ids that are not known here may still exist, because the source cannot be asked at the moment. */
  complete(): boolean;
  authenticateClient(token: string): Promise<ClientAuthentication>;
  /**
   * @param asked the environment that the caller speaks of: a pod that is not its fence yet is told so, and is not taken for a stranger
   */
  authenticateExecutor(token: string, asked: EnvironmentId): Promise<ExecutorAuthentication>;
  environment(id: EnvironmentId): EnvironmentRecord | undefined;
  /** All that are served here. */
  environments(): readonly EnvironmentRecord[];
  /** The name of a grant that lets this identity connect now, the first in order of name; undefined when there is none. */
  grantFor(identity: string, environmentId: EnvironmentId): string | undefined;
  /** Whether somebody of whom only a hash is known may still be where this grant has let him in. */
  accessStands(access: Access): boolean;
  /** Each change from now on. The listener hears at once what already stands: revoked keys and access that has ended. */
  subscribe(listener: (changes: readonly DirectoryChange[]) => void): () => void;
}
