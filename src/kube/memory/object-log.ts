import { type JsonObject, metaText, withMeta } from './json.ts';
import { Refusal } from './refusal.ts';

export interface LogEntry {
  readonly version: number;
  /** `group/plural`. */
  readonly collection: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: JsonObject;
  /** The object before; undefined when it was added. */
  readonly before: JsonObject | undefined;
}

/** Objects of all collections under one row of versions, with the history that watches resume from. What etcd is to the API server. */
export class ObjectLog {
  readonly #collections = new Map<string, Map<string, JsonObject>>();
  readonly #listeners = new Set<(entry: LogEntry) => void>();
  #history: LogEntry[] = [];
  #version = 1;
  #compactedTo = 0;

  get version(): string {
    return String(this.#version);
  }

  get(collection: string, key: string): JsonObject | undefined {
    return this.#collections.get(collection)?.get(key);
  }

  /** In the order of their keys. */
  list(collection: string): readonly JsonObject[] {
    const objects = this.#collections.get(collection) ?? [];
    return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Every object of every collection. */
  all(): { readonly collection: string; readonly object: JsonObject }[] {
    return [...this.#collections].flatMap(([collection, objects]) =>
      [...objects.values()].map((object) => ({ collection, object })),
    );
  }

  put(collection: string, object: JsonObject): JsonObject {
    const key = keyOfObject(object);
    const objects = this.#collections.get(collection) ?? new Map<string, JsonObject>();
    this.#collections.set(collection, objects);
    const before = objects.get(key);
    const stored = withMeta(object, { resourceVersion: String(++this.#version) });
    objects.set(key, stored);
    this.#append({
      version: this.#version,
      collection,
      type: before === undefined ? 'ADDED' : 'MODIFIED',
      object: stored,
      before,
    });
    return stored;
  }

  remove(collection: string, object: JsonObject): JsonObject {
    this.#collections.get(collection)?.delete(keyOfObject(object));
    const last = withMeta(object, { resourceVersion: String(++this.#version) });
    this.#append({ version: this.#version, collection, type: 'DELETED', object: last, before: object });
    return last;
  }

  /** What happened after `version`, then what happens. The result stops it. Throws `Expired` when that history is gone. */
  follow(version: string, listener: (entry: LogEntry) => void): () => void {
    const from = Number(version);
    if (!Number.isInteger(from) || from < 0)
      throw new Refusal(400, 'BadRequest', `invalid resource version "${version}"`);
    if (from !== 0 && from < this.#compactedTo) {
      throw new Refusal(410, 'Expired', `too old resource version: ${from} (${this.#compactedTo})`);
    }
    for (const entry of this.#history) if (entry.version > from) listener(entry);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets the history, as etcd does every five minutes. */
  compact(): void {
    this.#history = [];
    this.#compactedTo = ++this.#version;
  }

  get compactedTo(): number {
    return this.#compactedTo;
  }

  #append(entry: LogEntry): void {
    this.#history.push(entry);
    for (const listener of [...this.#listeners]) listener(entry);
  }
}

export function keyOfObject(object: JsonObject): string {
  return `${metaText(object, 'namespace')}/${metaText(object, 'name')}`;
}
