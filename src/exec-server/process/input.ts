import { RPC_CODES, RpcError } from '../../wire/index.ts';
import { MAX_PENDING_STDIN_BYTES, MAX_WRITE_ID_LENGTH, MAX_WRITE_IDS, STDIN_HIGH_WATER_BYTES } from '../limits.ts';
import type { Child } from './child/child.ts';

export type WriteStatus = 'accepted' | 'stdinClosed';

/** Standard input of one process: each `writeId` once, in the order of arrival, with an answer that waits when the child is slow. */
export class ProcessInput {
  readonly #child: Child;
  readonly #seen = new Set<string>();
  #pending = 0;
  #ended = false;
  #waiting: (() => void)[] = [];

  constructor(child: Child) {
    this.#child = child;
  }

  /**
   * Bytes are queued before this returns; the promise is the answer's back-pressure.
   *
   * @throws RpcError -32602 for a write id that is too long, -32600 when the child does not read what is already queued
   */
  write(writeId: string, bytes: Buffer): Promise<WriteStatus> {
    if (writeId.length > MAX_WRITE_ID_LENGTH) {
      throw new RpcError(RPC_CODES.INVALID_PARAMS, `writeId must not exceed ${MAX_WRITE_ID_LENGTH} characters`);
    }
    if (this.#seen.has(writeId)) return this.#accepted();
    if (this.#ended || !this.#child.hasStdin) return Promise.resolve('stdinClosed');
    if (this.#pending + bytes.length > MAX_PENDING_STDIN_BYTES) {
      throw new RpcError(
        RPC_CODES.INVALID_REQUEST,
        `the process has ${this.#pending} bytes of input that it did not read yet; at most ${MAX_PENDING_STDIN_BYTES} may wait`,
      );
    }
    if (!this.#child.write(bytes, () => this.#written(bytes.length))) return Promise.resolve('stdinClosed');
    this.#pending += bytes.length;
    this.#remember(writeId);
    return this.#accepted();
  }

  /** After everything that was written before. */
  end(): WriteStatus {
    if (this.#ended || !this.#child.hasStdin) return 'stdinClosed';
    this.#ended = true;
    this.#child.endInput();
    return 'accepted';
  }

  /** The process is gone: nobody waits any longer. */
  close(): void {
    this.#ended = true;
    this.#release();
  }

  async #accepted(): Promise<WriteStatus> {
    if (this.#pending > STDIN_HIGH_WATER_BYTES && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return 'accepted';
  }

  #written(bytes: number): void {
    this.#pending -= bytes;
    if (this.#pending <= STDIN_HIGH_WATER_BYTES) this.#release();
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #remember(writeId: string): void {
    this.#seen.add(writeId);
    if (this.#seen.size <= MAX_WRITE_IDS) return;
    const [oldest] = this.#seen;
    if (oldest !== undefined) this.#seen.delete(oldest);
  }
}
