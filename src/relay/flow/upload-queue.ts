import type { ChunkPool } from './chunk-pool.ts';
import { FairQueue, type Lane } from './fair-queue.ts';
import { PackedQueue, type Parcel } from './packed-queue.ts';
import type { ProcessBudget } from './process-budget.ts';

/**
 * Everything that waits for one executor, counted until its kernel socket took it. Each stream holds back its own harness when its part
 * gets long; the budget of the process is for the sum of them, and for what harnesses left behind that are gone.
 */
export class UploadQueue {
  readonly #urgent: PackedQueue;
  readonly #fair: FairQueue;
  readonly #budget: ProcessBudget;
  readonly #holder = {
    largest: () => this.#fair.largest?.queue.messageBytes ?? 0,
    cutLargest: () => this.#cutLargest(),
  };
  #waiting = 0;
  #closed = false;

  constructor(pool: ChunkPool, budget: ProcessBudget) {
    this.#urgent = new PackedQueue(pool);
    this.#fair = new FairQueue(this.#urgent);
    this.#budget = budget;
    budget.join(this.#holder);
  }

  append(lane: Lane, message: Uint8Array): void {
    lane.queue.append(message);
    this.#fair.enlist(lane);
    this.#count(message.length);
    this.#budget.keep();
  }

  /** Passes everything: control traffic, small and rare. */
  appendUrgent(message: Uint8Array, opcode?: number): void {
    this.#urgent.append(message, opcode);
    this.#count(message.length);
  }

  shift(): Parcel | undefined {
    return this.#fair.shift();
  }

  /** The kernel took it. */
  settled({ messageBytes }: Parcel): void {
    if (!this.#closed) this.#count(-messageBytes);
  }

  /** The socket is gone, and with it all that waits here. */
  close(): void {
    if (this.#closed) return;
    this.#count(-this.#waiting);
    this.#closed = true;
    this.#urgent.clear();
    this.#budget.leave(this.#holder);
  }

  #count(bytes: number): void {
    if (this.#closed) return;
    this.#waiting += bytes;
    this.#budget.add(bytes);
  }

  #cutLargest(): void {
    const lane = this.#fair.largest;
    if (lane === undefined) return;
    this.#count(-lane.queue.clear());
    lane.overrun();
  }
}
