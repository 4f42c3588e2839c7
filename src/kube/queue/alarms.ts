import type { Clock, Timer } from '../../telemetry/index.ts';

/** No timer is longer: beyond 24.8 days `setTimeout` fires at once. Milliseconds. */
const MAX_TIMER_MS = 3_600_000;

interface Alarm<K> {
  readonly at: number;
  readonly key: K;
}

/**
 * Keys that fall due at absolute times (milliseconds since the epoch), with one timer of at most an hour for all of them. A key has one time: setting it
 * again keeps the earlier one.
 */
export class Alarms<K> {
  readonly #clock: Clock;
  readonly #due: (key: K) => void;
  readonly #times = new Map<K, number>();
  /** A binary heap by time. An entry whose key has another time by now is stale and is passed over. */
  readonly #heap: Alarm<K>[] = [];
  #timer: { readonly at: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock, due: (key: K) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  get size(): number {
    return this.#times.size;
  }

  set(key: K, at: number): void {
    const earlier = this.#times.get(key);
    if (earlier !== undefined && earlier <= at) return;
    this.#times.set(key, at);
    this.#push({ key, at });
    this.#arm();
  }

  clear(): void {
    this.#times.clear();
    this.#heap.length = 0;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined) {
      this.#timer?.timer.cancel();
      this.#timer = undefined;
      return;
    }
    const at = Math.min(first.at, this.#clock.now() + MAX_TIMER_MS);
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    this.#timer = { at, timer: this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#ring()) };
  }

  #ring(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (;;) {
      this.#dropStale();
      const first = this.#heap[0];
      if (first === undefined || first.at > now) break;
      this.#pop();
      this.#times.delete(first.key);
      this.#due(first.key);
    }
    this.#arm();
  }

  #dropStale(): void {
    for (
      let first = this.#heap[0];
      first !== undefined && this.#times.get(first.key) !== first.at;
      first = this.#heap[0]
    ) {
      this.#pop();
    }
  }

  #push(alarm: Alarm<K>): void {
    let at = this.#heap.push(alarm) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfLater(parent, at)) return;
      at = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = this.#time(left + 1) < this.#time(left) ? left + 1 : left;
      if (!this.#swapIfLater(at, child)) return;
      at = child;
    }
  }

  #time(at: number): number {
    return this.#heap[at]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swapIfLater(upper: number, lower: number): boolean {
    const above = this.#heap[upper];
    const below = this.#heap[lower];
    if (above === undefined || below === undefined || above.at <= below.at) return false;
    this.#heap[upper] = below;
    this.#heap[lower] = above;
    return true;
  }
}
