/** A set that keeps the newest so many. */
export class RecentSet<T> implements Iterable<T> {
  readonly #limit: number;
  readonly #items = new Set<T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(item: T): void {
    this.#items.delete(item);
    this.#items.add(item);
    if (this.#items.size <= this.#limit) return;
    for (const oldest of this.#items) {
      this.#items.delete(oldest);
      return;
    }
  }

  has(item: T): boolean {
    return this.#items.has(item);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }
}
