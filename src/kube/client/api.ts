import type { KubeObject, ObjectRef, WritableObject } from '../objects/object.ts';
import type { Resource } from '../objects/resource.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** Media types that the caller takes, as in HTTP's `Accept`; anything unless given. `NotAcceptable` when there is no answer of these. */
  readonly accept?: string;
}

export interface Selection {
  /** One namespace; absent: all of them, which needs cluster-wide rights. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Where a watch goes on after this list. Opaque. */
  readonly resourceVersion: string;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing changed up to this version: a watch that breaks later may resume from here. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface WatchOptions extends Selection, CallOptions {
  readonly resourceVersion: string;
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: 'status' | 'scale' | undefined;
  readonly fieldManager?: string;
  /** Asks the server to check and default without storing. */
  readonly dryRun?: boolean;
}

export interface ApplyOptions extends WriteOptions {
  /** One stable name per process kind (`conventions.md` 8). */
  readonly fieldManager: string;
  /** Take fields that another manager set. Off, such a field is a `Conflict` whose causes name it. */
  readonly force?: boolean;
}

export type PatchType = 'merge' | 'json' | 'strategic';

export interface DeleteOptions extends CallOptions {
  /** Preconditions: `Conflict` when something else is there. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

/**
 * The object API: what a controller may ask of a Kubernetes API server. All failures are `ApiError`s. Answers 429 and 5xx are retried a few
 * times with the server's `Retry-After` and jitter where the call is safe to repeat.
 */
export interface ObjectApi {
  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** `get`, but undefined when there is none. */
  find<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T | undefined>;
  /**
   * An object as it is on the wire, whole: for whoever must not have texts of it in memory. The bytes are the caller's, to be overwritten. Undefined when
   * there is none.
   */
  findBytes(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** `create` of what such bytes say, whole; they are the caller's, to be overwritten. */
  createBytes(resource: Resource, ref: ObjectRef, bytes: Uint8Array, options?: WriteOptions): Promise<void>;
  /** Everything selected, read in pages so that no answer blocks the process for long. */
  list<T extends KubeObject>(resource: Resource<T>, options?: Selection & CallOptions): Promise<ListPage<T>>;
  /**
   * Ends without an error when the server ends it; throws an `ApiError` otherwise. The first event is a bookmark of the version asked for: the
   * server has accepted.
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: WritableObject, options?: WriteOptions): Promise<T>;
  /** Replaces the object; `metadata.resourceVersion` is the precondition. */
  update<T extends KubeObject>(resource: Resource<T>, object: WritableObject, options?: WriteOptions): Promise<T>;
  /** A `body` of bytes is sent as it is; its bytes are the caller's. */
  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: { readonly type: PatchType; readonly body: unknown },
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply, always written. `Applier` leaves out writes that would change nothing. */
  apply<T extends KubeObject>(resource: Resource<T>, object: WritableObject, options: ApplyOptions): Promise<T>;
  delete(resource: Resource, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** A `GET` of something that is no object, such as the keys of the token issuer; the answer as it came. */
  read(path: string, options?: ReadOptions): Promise<unknown>;
  /** A `create` on a subresource or on a kind that is not stored, such as reviews; the answer as it came. */
  post(path: string, body: unknown, options?: CallOptions): Promise<unknown>;
}
