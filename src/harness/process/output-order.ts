import { HarnessError } from '../error.ts';

export type OutputStream = 'stdout' | 'stderr' | 'pty';

/** What happens to a process, numbered by the executor: 1, 2, … without gaps (contract §9.3). */
export type ProcessEvent =
  | { readonly type: 'output'; readonly seq: number; readonly stream: OutputStream; readonly chunk: Uint8Array }
  | { readonly type: 'exited'; readonly seq: number; readonly exitCode: number; readonly sandboxDenied: boolean }
  | { readonly type: 'closed'; readonly seq: number };

/** An answer of `process/read`. It shows output with its numbers, but exit and end only as flags. */
export interface ReadAnswer {
  chunks: readonly { seq: number; stream: OutputStream; chunk: Uint8Array }[];
  exited: boolean;
  exitCode: number | null;
  closed: boolean;
  sandboxDenied: boolean;
}

/**
 * Puts the events of one process into order, each once. After a lost connection it joins what `process/read` still has with what is sent
 * anew, and says when something between them is gone.
 */
export class OutputOrder {
  readonly #waiting = new Map<number, ProcessEvent>();
  #next = 1;
  #exited = false;
  #closed = false;

  /** What `process/read` must be asked after. */
  get lastSeq(): number {
    return this.#next - 1;
  }

  /** Events came that cannot be delivered yet. */
  get hasGap(): boolean {
    return this.#waiting.size > 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes one notification; gives what can be delivered now. Events that were delivered before are dropped. */
  push(event: ProcessEvent): ProcessEvent[] {
    if (event.seq >= this.#next) this.#waiting.set(event.seq, event);
    return this.#deliverable();
  }

  /**
   * Takes an answer of `process/read` after `lastSeq`. One number that is in no chunk is the exit, when there was one.
   *
   * @throws HarnessError `output_lost`
   */
  take(answer: ReadAnswer): ProcessEvent[] {
    const delivered: ProcessEvent[] = [];
    for (const { seq, stream, chunk } of answer.chunks) {
      if (seq < this.#next) continue;
      if (seq > this.#next) delivered.push(...this.#fillGapBefore(seq, answer));
      delivered.push(...this.push({ type: 'output', seq, stream, chunk }));
    }
    if (answer.chunks.length === 0) delivered.push(...this.#takeEnd(answer));
    return delivered;
  }

  /** Nothing more is retained after what was delivered: only the exit, and what waits here, can follow. */
  #takeEnd(answer: ReadAnswer): ProcessEvent[] {
    const delivered = answer.exited && !this.#exited ? this.push(this.#exitOf(answer)) : [];
    if (answer.closed && !this.#closed && !this.hasGap)
      delivered.push(...this.push({ type: 'closed', seq: this.#next }));
    if (this.hasGap) throw this.#lostBefore(Math.min(...this.#waiting.keys()));
    return delivered;
  }

  #fillGapBefore(seq: number, answer: ReadAnswer): ProcessEvent[] {
    if (seq !== this.#next + 1 || !answer.exited || this.#exited) throw this.#lostBefore(seq);
    return this.push(this.#exitOf(answer));
  }

  #exitOf({ exitCode, sandboxDenied }: ReadAnswer): ProcessEvent {
    return { type: 'exited', seq: this.#next, exitCode: exitCode ?? -1, sandboxDenied };
  }

  #lostBefore(seq: number): HarnessError {
    const message = `the executor no longer has output ${this.#next} to ${seq - 1} of this process`;
    return new HarnessError('output_lost', 'process', message);
  }

  #deliverable(): ProcessEvent[] {
    const events: ProcessEvent[] = [];
    for (let event = this.#waiting.get(this.#next); event; event = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#next += 1;
      if (event.type === 'exited') this.#exited = true;
      if (event.type === 'closed') this.#closed = true;
      events.push(event);
    }
    return events;
  }
}
