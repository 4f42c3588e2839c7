import type { Clock, Logger } from '../../telemetry/index.ts';
import type { ObjectApi } from '../client/api.ts';
import type { KubeObject } from '../objects/object.ts';
import type { Resource } from '../objects/resource.ts';
import { type Arrival, arrivals } from './arrival.ts';
import { type ReflectorSink, reflect } from './reflector.ts';
import { type Change, type IndexFunction, type ReadableStore, Store } from './store.ts';

/** Follow every namespace by one watch, which needs cluster-wide rights; the only way for cluster-scoped kinds. */
export const ALL_NAMESPACES = Symbol('all namespaces');

export type FollowedNamespaces = typeof ALL_NAMESPACES | Iterable<string>;

export interface InformerOptions<T extends KubeObject> {
  readonly api: ObjectApi;
  readonly resource: Resource<T>;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** Keeps the managed fields of this manager in the cache, for `Applier`. All others are dropped. */
  readonly fieldManager?: string;
  /** Cuts further what nobody reads. The result is what the store, the indexes and listeners see. */
  readonly project?: (object: T) => T;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: () => number;
}

/** `undefined` stands for all namespaces. */
type Scope = string | undefined;

interface Following {
  readonly abort: AbortController;
  listed: boolean;
  connected: boolean;
}

/**
 * A cache of one kind that follows the server, in namespaces that come and go. Reading it costs nothing and may be late by
 * milliseconds. An object that cannot be read (`Resource.parse` throws) is not there; the log says which.
 */
export class Informer<T extends KubeObject> {
  readonly #options: InformerOptions<T>;
  readonly #store: Store<T>;
  readonly #following = new Map<Scope, Following>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #whenListed = new Set<() => void>();
  #asked = false;
  #running: { readonly signal: AbortSignal; readonly fail: (error: unknown) => void } | undefined;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#store = new Store(options.indexes);
  }

  get store(): ReadableStore<T> {
    return this.#store;
  }

  /** Which namespaces to follow from now on; may be called at any time. What is no longer followed is deleted from the store. */
  follow(namespaces: FollowedNamespaces): void {
    this.#asked = true;
    const wanted = new Set<Scope>(namespaces === ALL_NAMESPACES ? [undefined] : namespaces);
    for (const [scope, { abort }] of this.#following) {
      if (wanted.has(scope)) continue;
      abort.abort();
      this.#following.delete(scope);
      this.#emit(this.#store.replace([], scope));
    }
    for (const scope of wanted) {
      if (this.#following.has(scope)) continue;
      this.#following.set(scope, { abort: new AbortController(), listed: false, connected: false });
      this.#start(scope);
    }
    this.#wakeIfListed();
  }

  /** Follows until the signal aborts. Rejects only for a bug, for example in a listener. */
  async run(signal: AbortSignal): Promise<void> {
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) return;
    this.#running = { signal, fail: reject };
    signal.addEventListener('abort', () => resolve(), { once: true });
    for (const scope of this.#following.keys()) this.#start(scope);
    try {
      await promise;
    } finally {
      this.#running = undefined;
      for (const { abort } of this.#following.values()) abort.abort();
    }
  }

  /** Whether everything followed (or this namespace) was read once: only then does "not in the store" mean "not there". */
  synced(namespace?: string): boolean {
    if (namespace === undefined) return this.#asked && [...this.#following.values()].every(({ listed }) => listed);
    return (this.#following.get(namespace) ?? this.#following.get(undefined))?.listed === true;
  }

  /** Whether everything followed is being heard of now: false from a failure until a watch stands again. */
  connected(): boolean {
    return this.synced() && [...this.#following.values()].every(({ connected }) => connected);
  }

  /** Resolves when `synced()`; rejects with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.synced()) return resolve();
      if (signal?.aborted) return reject(signal.reason);
      const done = () => {
        this.#whenListed.delete(done);
        signal?.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = () => {
        this.#whenListed.delete(done);
        reject(signal?.reason);
      };
      this.#whenListed.add(done);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Each change from now on, after the store has it. A listener may not throw. The result stops it. */
  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #start(scope: Scope): void {
    const running = this.#running;
    const following = this.#following.get(scope);
    if (running === undefined || following === undefined) return;
    const { api, labelSelector, fieldSelector, clock, log, random = Math.random } = this.#options;
    const selection = { namespace: scope, labelSelector, fieldSelector };
    const signal = AbortSignal.any([running.signal, following.abort.signal]);
    const resource = arrivals(this.#options);
    const sink = this.#sink(scope, following);
    reflect({ api, resource, selection, sink, clock, log, random }, signal).catch(running.fail);
  }

  #sink(scope: Scope, following: Following): ReflectorSink<Arrival<T>> {
    // An answer may be on its way when its namespace is given up, and perhaps taken up anew.
    const current = () => this.#following.get(scope) === following;
    return {
      replace: (arrived) => {
        if (!current()) return;
        this.#emit(
          this.#store.replace(
            arrived.flatMap(({ content }) => content ?? []),
            scope,
          ),
        );
        following.listed = true;
        this.#wakeIfListed();
      },
      put: ({ content, metadata }) => {
        if (current()) this.#emit([content === undefined ? this.#store.remove(metadata) : this.#store.put(content)]);
      },
      remove: ({ metadata }) => {
        if (current()) this.#emit([this.#store.remove(metadata)]);
      },
      connected: (is) => {
        following.connected = is;
      },
    };
  }

  #emit(changes: readonly (Change<T> | undefined)[]): void {
    for (const change of changes) {
      if (change === undefined) continue;
      for (const listener of this.#listeners) listener(change);
    }
  }

  #wakeIfListed(): void {
    if (!this.synced()) return;
    for (const done of [...this.#whenListed]) done();
  }
}
