import type { KubeObject, ObjectRef } from '../objects/object.ts';
import { keyOf, type ObjectKey } from '../objects/resource.ts';

export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly before: T }
  /** `object` is the last state that was seen. */
  | { readonly type: 'deleted'; readonly object: T };

/** The values by which an object is found: for example the names of the Secrets that it mounts. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** What a reader may do with a cache. Objects in it are never changed, only replaced. */
export interface ReadableStore<T extends KubeObject> {
  readonly size: number;
  get(ref: ObjectKey | ObjectRef): T | undefined;
  list(namespace?: string): readonly T[];
  by(index: string, value: string): readonly T[];
}

/** The objects of one kind by key, by namespace and by the indexes that were asked for. */
export class Store<T extends KubeObject> implements ReadableStore<T> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #namespaces = new Map<string, Map<ObjectKey, T>>();
  readonly #indexes: ReadonlyMap<string, Index<T>>;

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    this.#indexes = new Map(Object.entries(indexes).map(([name, valuesOf]) => [name, new Index(valuesOf)]));
  }

  get size(): number {
    return this.#objects.size;
  }

  get(ref: ObjectKey | ObjectRef): T | undefined {
    return this.#objects.get(typeof ref === 'string' ? ref : keyOf(ref));
  }

  list(namespace?: string): readonly T[] {
    const objects = namespace === undefined ? this.#objects : this.#namespaces.get(namespace);
    return objects === undefined ? [] : [...objects.values()];
  }

  by(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new TypeError(`this store has no index "${index}"`);
    return found.get(value).flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Puts one object in; undefined when that very version is here already. */
  put(object: T): Change<T> | undefined {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && sameVersion(before, object)) return undefined;
    this.#set(key, object);
    return before === undefined ? { type: 'added', object } : { type: 'updated', object, before };
  }

  /** Takes one object out; undefined when it is not here. */
  remove(ref: ObjectRef): Change<T> | undefined {
    const key = keyOf(ref);
    const object = this.#objects.get(key);
    if (object === undefined) return undefined;
    this.#unset(key, object);
    return { type: 'deleted', object };
  }

  /** Makes one namespace (or everything) be exactly `objects`; the changes in order, removals last. */
  replace(objects: readonly T[], namespace?: string): Change<T>[] {
    const gone = new Map(this.#scope(namespace));
    const changes: Change<T>[] = [];
    for (const object of objects) {
      gone.delete(keyOf(object.metadata));
      const change = this.put(object);
      if (change !== undefined) changes.push(change);
    }
    for (const [key, object] of gone) {
      this.#unset(key, object);
      changes.push({ type: 'deleted', object });
    }
    return changes;
  }

  #scope(namespace: string | undefined): ReadonlyMap<ObjectKey, T> {
    return namespace === undefined ? this.#objects : (this.#namespaces.get(namespace) ?? new Map());
  }

  #set(key: ObjectKey, object: T): void {
    const namespace = object.metadata.namespace ?? '';
    const siblings = this.#namespaces.get(namespace) ?? new Map<ObjectKey, T>();
    this.#namespaces.set(namespace, siblings.set(key, object));
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) index.set(key, object);
  }

  #unset(key: ObjectKey, { metadata: { namespace = '' } }: T): void {
    this.#objects.delete(key);
    const siblings = this.#namespaces.get(namespace);
    siblings?.delete(key);
    if (siblings?.size === 0) this.#namespaces.delete(namespace);
    for (const index of this.#indexes.values()) index.delete(key);
  }
}

/** Versions are opaque, and another object of the same name may have any: both must agree. */
function sameVersion({ metadata: a }: KubeObject, { metadata: b }: KubeObject): boolean {
  return a.uid === b.uid && a.resourceVersion === b.resourceVersion;
}

class Index<T> {
  readonly #valuesOf: IndexFunction<T>;
  readonly #keys = new Map<string, Set<ObjectKey>>();
  readonly #values = new Map<ObjectKey, ReadonlySet<string>>();

  constructor(valuesOf: IndexFunction<T>) {
    this.#valuesOf = valuesOf;
  }

  get(value: string): ObjectKey[] {
    return [...(this.#keys.get(value) ?? [])];
  }

  set(key: ObjectKey, object: T): void {
    this.delete(key);
    const values = new Set(this.#valuesOf(object));
    if (values.size === 0) return;
    this.#values.set(key, values);
    for (const value of values) this.#keys.set(value, (this.#keys.get(value) ?? new Set()).add(key));
  }

  delete(key: ObjectKey): void {
    for (const value of this.#values.get(key) ?? []) {
      const keys = this.#keys.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.#keys.delete(value);
    }
    this.#values.delete(key);
  }
}
