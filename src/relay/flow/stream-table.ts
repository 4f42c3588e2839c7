const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** What the table finds by the bytes of its id; `next` chains ids of one hash. */
export interface TableEntry<E> {
  readonly id: Uint8Array;
  next: E | undefined;
}

function sameBytes(id: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (id.length !== end - start) return false;
  for (let i = 0; i < id.length; i += 1) if (id[i] !== bytes[start + i]) return false;
  return true;
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = FNV_OFFSET;
  for (let i = start; i < end; i += 1) h = Math.imul(h ^ (bytes[i] ?? 0), FNV_PRIME);
  return h | 0;
}

/**
 * Streams of one executor by the raw bytes of their id, found without making a string of each frame's id.
 * Ids are the clients' choice: a chain of colliding ones is no longer than the streams that admission lets in.
 */
export class StreamTable<E extends TableEntry<E>> {
  readonly #byHash = new Map<number, E>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(bytes: Uint8Array, start: number, end: number): E | undefined {
    let entry = this.#byHash.get(hash(bytes, start, end));
    while (entry !== undefined && !sameBytes(entry.id, bytes, start, end)) entry = entry.next;
    return entry;
  }

  /** False when the id is taken. */
  add(entry: E): boolean {
    if (this.find(entry.id, 0, entry.id.length) !== undefined) return false;
    const key = hash(entry.id, 0, entry.id.length);
    entry.next = this.#byHash.get(key);
    this.#byHash.set(key, entry);
    this.#size += 1;
    return true;
  }

  delete(entry: E): boolean {
    const key = hash(entry.id, 0, entry.id.length);
    let before: E | undefined;
    for (let at = this.#byHash.get(key); at !== undefined; before = at, at = at.next) {
      if (at !== entry) continue;
      if (before !== undefined) before.next = entry.next;
      else if (entry.next !== undefined) this.#byHash.set(key, entry.next);
      else this.#byHash.delete(key);
      entry.next = undefined;
      this.#size -= 1;
      return true;
    }
    return false;
  }

  *values(): IterableIterator<E> {
    for (const first of this.#byHash.values()) {
      // The next one is read first: whoever iterates may delete the entry it was given.
      for (let at: E | undefined = first; at !== undefined; ) {
        const { next }: E = at;
        yield at;
        at = next;
      }
    }
  }
}
