import type { PackedQueue, Parcel } from './packed-queue.ts';

/** What a lane may send before the next one has its turn: one chunk, so that a full chunk of small messages goes out in one piece. */
export const QUANTUM_BYTES = 65_536;

/** One stream's place in the queue toward an executor. */
export interface Lane {
  readonly queue: PackedQueue;
  /** Bytes it may still send in this round; negative after a parcel larger than the rest. */
  credit: number;
  waiting: boolean;
  /** Told after a parcel left, so that a paused sender may go on. */
  readonly lowered: () => void;
  /** Told when its queue was emptied to keep a budget: the stream has a hole and must end. */
  readonly overrun: () => void;
}

export function createLane(queue: PackedQueue, told: Pick<Lane, 'lowered' | 'overrun'>): Lane {
  return { queue, credit: 0, waiting: false, ...told };
}

/**
 * Round robin by bytes over the streams that have something to send (deficit round robin in its surplus form: a parcel is sent while
 * credit is left, and what it overdraws is taken off the next round). `urgent` is control traffic and small: it passes everything.
 */
export class FairQueue {
  readonly #urgent: PackedQueue;
  readonly #ring: Lane[] = [];

  constructor(urgent: PackedQueue) {
    this.#urgent = urgent;
  }

  /** To be called after each append to the lane's queue. */
  enlist(lane: Lane): void {
    if (lane.waiting) return;
    lane.waiting = true;
    lane.credit = QUANTUM_BYTES;
    this.#ring.push(lane);
  }

  /** The lane in which most waits. */
  get largest(): Lane | undefined {
    let largest: Lane | undefined;
    for (const lane of this.#ring) {
      if (lane.queue.messageBytes > (largest?.queue.messageBytes ?? 0)) largest = lane;
    }
    return largest;
  }

  shift(): Parcel | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return urgent;
    for (let lane = this.#ring[0]; lane !== undefined; lane = this.#ring[0]) {
      if (lane.credit <= 0) {
        lane.credit += QUANTUM_BYTES;
        this.#ring.shift();
        this.#ring.push(lane);
        continue;
      }
      const parcel = lane.queue.shift();
      if (parcel === undefined) {
        lane.waiting = false;
        this.#ring.shift();
        continue;
      }
      lane.credit -= parcel.wireBytes;
      lane.lowered();
      return parcel;
    }
    return undefined;
  }
}
