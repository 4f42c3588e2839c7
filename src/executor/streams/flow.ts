import { MAX_STREAM_BYTES_IN_FLIGHT } from '../../wire/index.ts';

/**
 * What of one stream is on the way to its harness (our-side §4): at most 512 KiB. The rest waits in the exec-server, which keeps it over
 * a cut; what is in flight at a cut is lost to the wire and comes again by resume.
 *
 * Counts what was handed to the relay against what the relay says it handed to the harness. Both are sums of lengths of whole relay
 * messages of the stream, from its first.
 */
export class FlowWindow {
  readonly #limit: number;
  #sent = 0;
  #delivered = 0;

  constructor(limit = MAX_STREAM_BYTES_IN_FLIGHT) {
    this.#limit = limit;
  }

  get inFlight(): number {
    return this.#sent - this.#delivered;
  }

  get sentBytes(): number {
    return this.#sent;
  }

  /** Whether a message of this many bytes may be sent now. One is always let through when nothing is in flight. */
  admits(bytes: number): boolean {
    return this.inFlight === 0 || this.inFlight + bytes <= this.#limit;
  }

  sent(bytes: number): void {
    this.#sent += bytes;
  }

  /** A cumulative report. An old one, or one beyond what was sent, tells nothing and changes nothing. */
  delivered(total: number): void {
    if (total > this.#delivered && total <= this.#sent) this.#delivered = total;
  }
}
