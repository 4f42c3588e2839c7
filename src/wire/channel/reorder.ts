import { WireError } from '../errors.ts';
import { MAX_GAP_BYTES, REORDER_WINDOW } from '../limits.ts';

/** Puts records into the order of their `seq` (contract §6). Old and duplicate ones are ignored: the first copy wins. */
export class ReorderWindow {
  readonly #waiting = new Map<number, Uint8Array>();
  #expected = 0;
  #waitingBytes = 0;

  /** The records that can be opened now, in order. Copies what has to wait. Throws WireError `reorder_window`. */
  push(seq: number, record: Uint8Array): Uint8Array[] {
    const ahead = seq - this.#expected;
    if (ahead < 0 || this.#waiting.has(seq)) return [];
    if (ahead > 0) {
      this.#hold(seq, ahead, record);
      return [];
    }
    const ready = [record];
    this.#expected += 1;
    for (let next = this.#waiting.get(this.#expected); next; next = this.#waiting.get(this.#expected)) {
      this.#waiting.delete(this.#expected);
      this.#waitingBytes -= next.length;
      this.#expected += 1;
      ready.push(next);
    }
    return ready;
  }

  #hold(seq: number, ahead: number, record: Uint8Array): void {
    if (ahead > REORDER_WINDOW) {
      throw new WireError('reorder_window', 'records', `seq ${seq} is ${ahead} ahead of what is expected`);
    }
    if (this.#waitingBytes + record.length > MAX_GAP_BYTES) {
      throw new WireError('reorder_window', 'records', `over ${MAX_GAP_BYTES} bytes wait for a gap`);
    }
    // A view would keep a whole socket buffer alive, or be overwritten in it.
    this.#waiting.set(seq, Uint8Array.from(record));
    this.#waitingBytes += record.length;
  }
}
