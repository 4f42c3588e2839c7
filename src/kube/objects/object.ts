/** What every object of the API server carries. Written by the server; instants are RFC 3339 strings, as on the wire. */
export interface ObjectMeta {
  readonly name: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly uid: string;
  /** Opaque: compared for equality only, never ordered. */
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  /** A tree of `f:`, `k:`, `v:` keys. In the cache it is one JSON string, which costs a fraction of the memory. */
  readonly fieldsV1?: unknown;
}

/** An object as the API server returns it. `apiVersion` and `kind` are filled in where the server leaves them out (in lists). */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** What is sent: metadata as a writer knows it. */
export interface WritableObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: WritableMeta;
}

export interface WritableMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  /** A precondition: the write fails with `Conflict` unless this very object is there. */
  readonly uid?: string;
  /** A precondition: the write fails with `Conflict` unless the object is at this version. */
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface ObjectRef {
  readonly name: string;
  /** Needed for namespaced kinds. */
  readonly namespace?: string | undefined;
}

/**
 * A type of `@kubernetes/client-node` as it is on the wire: its `Date`s are strings there. Import those types with `import type`: the library
 * itself costs more than a second and 80 MB.
 */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Wire<T[Key]> }
      : T;

/** A built-in kind as the server returns it, from its type in `@kubernetes/client-node`. */
export type Served<T> = Omit<Wire<T>, keyof KubeObject> & KubeObject;
