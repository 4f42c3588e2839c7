import type { Duplex } from 'node:stream';
import type { ChunkPool } from './chunk-pool.ts';
import type { Parcel } from './packed-queue.ts';
import type { TurnEnd } from './turn-end.ts';

/** Bytes given to the socket in one corked write: enough to make the system call cheap, little enough that a pong waits behind no more. */
export const BATCH_BYTES = 131_072;

export interface ParcelSource {
  shift(): Parcel | undefined;
}

export interface OutletOptions {
  readonly socket: Duplex;
  readonly source: ParcelSource;
  readonly pool: ChunkPool;
  readonly turnEnd: TurnEnd;
  /** Told for each parcel that the kernel took. */
  readonly settled: (parcel: Parcel) => void;
}

/**
 * The only writer of messages to one socket. It writes once per turn of the event loop, and while the kernel has not taken the last
 * batch everything else stays in the source: there it can still be counted, cut, or passed by control frames.
 */
export class Outlet {
  readonly #socket: Duplex;
  readonly #source: ParcelSource;
  readonly #pool: ChunkPool;
  readonly #turnEnd: TurnEnd;
  readonly #settled: (parcel: Parcel) => void;
  readonly #written: (error?: Error | null) => void;
  /** Batches given to the socket and not yet taken by the kernel, in order. */
  readonly #inFlight: Parcel[][] = [];
  #enlisted = false;

  constructor({ socket, source, pool, turnEnd, settled }: OutletOptions) {
    this.#socket = socket;
    this.#source = source;
    this.#pool = pool;
    this.#turnEnd = turnEnd;
    this.#settled = settled;
    this.#written = (error) => this.#onWritten(error);
  }

  /** The source has something (`waiting` bytes of it): write at the end of this turn, or now when it is a whole batch. */
  schedule(waiting: number): void {
    if (this.#inFlight.length > 0) return;
    if (waiting >= BATCH_BYTES) this.flush();
    if (this.#enlisted) return;
    this.#enlisted = true;
    this.#turnEnd.enlist(this);
  }

  /** Writes now what the kernel takes. */
  flush(): void {
    this.#enlisted = false;
    // With nothing of ours in flight a batch is written even behind a pong of ws: its callback is what brings us back here.
    while (this.#socket.writable && (this.#socket.writableLength === 0 || this.#inFlight.length === 0)) {
      const batch = this.#nextBatch();
      if (batch.length === 0) return;
      this.#inFlight.push(batch);
      this.#write(batch);
    }
  }

  /** Hands everything to the socket, however slow its peer: only before a close frame, which must come after it. */
  finish(): void {
    for (let batch = this.#nextBatch(); batch.length > 0 && this.#socket.writable; batch = this.#nextBatch()) {
      this.#inFlight.push(batch);
      this.#write(batch);
    }
  }

  #nextBatch(): Parcel[] {
    const batch: Parcel[] = [];
    for (let bytes = 0; bytes < BATCH_BYTES; ) {
      const parcel = this.#source.shift();
      if (parcel === undefined) break;
      batch.push(parcel);
      bytes += parcel.wireBytes;
    }
    return batch;
  }

  #write(batch: readonly Parcel[]): void {
    const socket = this.#socket;
    const last = batch.length - 1;
    socket.cork();
    for (let i = 0; i <= last; i += 1) {
      const parcel = batch[i];
      if (parcel === undefined) continue;
      const callback = i === last ? this.#written : undefined;
      if (parcel.body === undefined) socket.write(parcel.head, callback);
      else {
        socket.write(parcel.head);
        socket.write(parcel.body, callback);
      }
    }
    socket.uncork();
  }

  #onWritten(error?: Error | null): void {
    const batch = this.#inFlight.shift();
    if (batch === undefined) return;
    for (const parcel of batch) {
      // Also after an error: the kernel is done with it, and of chunks for backlogs none may get lost.
      if (parcel.chunk !== undefined) this.#pool.give(parcel.chunk);
      if (!error) this.#settled(parcel);
    }
    if (!error && this.#inFlight.length === 0) this.flush();
  }
}
