/** Who holds bytes of a budget, in backlogs of streams. */
export interface BudgetHolder {
  /** Bytes of its largest backlog, 0 without one. */
  largest(): number;
  /** Ends the stream of its largest backlog; those bytes are then taken from the budget. */
  cutLargest(): void;
}

/**
 * Bytes that wait in this process in one direction, of all executors together. No sum of slow peers may grow until the kernel kills the
 * relay: over the limit the largest backlog of all is cut, and then the next, so that whoever waits least goes on.
 */
export class ProcessBudget {
  readonly #limitBytes: number;
  readonly #holders = new Set<BudgetHolder>();
  #total = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get total(): number {
    return this.#total;
  }

  /** More than half of it is used: time to take less from each. */
  get isTight(): boolean {
    return this.#total > this.#limitBytes / 2;
  }

  join(holder: BudgetHolder): void {
    this.#holders.add(holder);
  }

  /** What the holder has left in it has to be taken out before. */
  leave(holder: BudgetHolder): void {
    this.#holders.delete(holder);
  }

  /** So many bytes wait now, or with a minus no longer. */
  add(bytes: number): void {
    this.#total += bytes;
  }

  /** Cuts what is too much. To be called after bytes were added, when everything about them is in order. */
  keep(): void {
    while (this.#total > this.#limitBytes) {
      const before = this.#total;
      this.#largestHolder()?.cutLargest();
      if (this.#total >= before) return;
    }
  }

  #largestHolder(): BudgetHolder | undefined {
    let found: BudgetHolder | undefined;
    let most = 0;
    for (const holder of this.#holders) {
      const largest = holder.largest();
      if (largest <= most) continue;
      most = largest;
      found = holder;
    }
    return found;
  }
}
