import type { ProcessBudget } from './process-budget.ts';

/** What one stream's harness has not yet taken. */
export interface Backlog {
  /** Message bytes received for the harness and not yet accepted by its kernel socket. */
  waiting: number;
  /** Message bytes accepted so far: moves on as long as the harness reads. */
  taken: number;
  /** `taken` at the last look, and when it was last seen to move (ms). */
  seenTaken: number;
  progressAt: number;
  /** What had been received at a look (bytes) and when that was (ms): until all of it is taken, something waits since then. */
  markedReceived: number;
  markedAt: number;
}

export function createBacklog(): Backlog {
  return { waiting: 0, taken: 0, seenTaken: 0, progressAt: 0, markedReceived: 0, markedAt: 0 };
}

export interface BacklogLimits {
  readonly streamBacklogBytes: number;
  readonly executorBacklogBytes: number;
  readonly stallMs: number;
}

/**
 * Byte budgets of the streams of one executor (performance.md, relay). Its socket is never paused, since one slow harness would stop
 * all others; a stream whose harness cannot keep up is cut instead, and its owner resumes.
 */
export class BacklogLedger<S extends { readonly backlog: Backlog }> {
  readonly #limits: BacklogLimits;
  readonly #budget: ProcessBudget;
  /** Only streams with something waiting. */
  readonly #streams = new Set<S>();
  #total = 0;

  /** `budget`: what waits in the whole process, this executor's part included. */
  constructor(limits: BacklogLimits, budget: ProcessBudget) {
    this.#limits = limits;
    this.#budget = budget;
  }

  get total(): number {
    return this.#total;
  }

  /** The stream for which most waits. */
  get largest(): S | undefined {
    let largest: S | undefined;
    for (const stream of this.#streams) {
      if (largest === undefined || stream.backlog.waiting > largest.backlog.waiting) largest = stream;
    }
    return largest;
  }

  /** Counts bytes received for `stream`; returns the stream to cut when a budget is exceeded. */
  grow(stream: S, bytes: number): S | undefined {
    const backlog = stream.backlog;
    if (backlog.waiting === 0) {
      backlog.progressAt = 0;
      this.#streams.add(stream);
    }
    backlog.waiting += bytes;
    this.#count(bytes);
    if (backlog.waiting > this.#limits.streamBacklogBytes) return stream;
    return this.#total > this.#limits.executorBacklogBytes ? this.largest : undefined;
  }

  /** Counts bytes that the kernel took. */
  settle(stream: S, bytes: number): void {
    const backlog = stream.backlog;
    backlog.taken += bytes;
    if (!this.#streams.has(stream)) return;
    backlog.waiting -= bytes;
    this.#count(-bytes);
    if (backlog.waiting === 0) this.#streams.delete(stream);
  }

  /** The stream is over: what waits for it no longer counts. */
  forget(stream: S): void {
    if (!this.#streams.delete(stream)) return;
    this.#count(-stream.backlog.waiting);
    stream.backlog.waiting = 0;
  }

  /**
   * How long the oldest that waits for each stream has waited (ms), to a second: told by what was received at earlier looks. To be called
   * about every second; what came and went in between is never seen here, and cost no look at the clock.
   */
  *ages(now: number): IterableIterator<number> {
    for (const { backlog } of this.#streams) {
      if (backlog.taken >= backlog.markedReceived) {
        backlog.markedReceived = backlog.taken + backlog.waiting;
        backlog.markedAt = now;
      }
      yield now - backlog.markedAt;
    }
  }

  /** The streams that took nothing for `stallMs`. To be called about every second: progress is noticed only here. */
  stalled(now: number): S[] {
    const found: S[] = [];
    for (const stream of this.#streams) {
      const backlog = stream.backlog;
      if (backlog.progressAt === 0 || backlog.taken !== backlog.seenTaken) {
        backlog.seenTaken = backlog.taken;
        backlog.progressAt = now;
      } else if (now - backlog.progressAt >= this.#limits.stallMs) found.push(stream);
    }
    return found;
  }

  #count(bytes: number): void {
    this.#total += bytes;
    this.#budget.add(bytes);
  }
}
