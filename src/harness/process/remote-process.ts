import { Readable } from 'node:stream';
import type { HarnessError } from '../error.ts';
import type { OutputStream, ProcessEvent } from './output-order.ts';

/** Output that waits for its reader, per stream and in bytes, before the relay's socket is no longer read. */
const STREAM_BUFFER_BYTES = 256 * 1024;

/** How a process ended. A death by signal is 128 + its number (contract §9.3). */
export interface ExitStatus {
  exitCode: number;
  /** The executor's sandbox refused something on the way. */
  sandboxDenied: boolean;
}

/** What a process asks of its session. */
export interface ProcessCalls {
  /** In order, each applied once, also over a lost connection. @throws HarnessError `stdin_closed`, `session_lost` */
  write(chunk: Uint8Array): Promise<void>;
  /** @throws HarnessError `not_supported` on executors that cannot */
  closeStdin(): Promise<void>;
  interrupt(): Promise<void>;
  terminate(): Promise<boolean>;
  /** The reader of a stream falls behind, or keeps up again. */
  blocked(blocked: boolean): void;
}

/**
 * A command on the executor. Its output is complete and in order, or the streams end in an error. **Read every stream, or `resume()` it**:
 * output that nobody takes holds back everything of this harness.
 */
export class RemoteProcess {
  readonly id: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The one stream of a terminal; it stays empty without one. */
  readonly pty: Readable;
  /** Settles when the process ended; output may follow, from children that hold its pipes. */
  readonly exit: Promise<ExitStatus>;
  /** Settles when all output was handed to the streams. */
  readonly closed: Promise<ExitStatus>;
  readonly #calls: ProcessCalls;
  readonly #exit = Promise.withResolvers<ExitStatus>();
  readonly #closed = Promise.withResolvers<ExitStatus>();
  readonly #full = new Set<OutputStream>();
  #status: ExitStatus | undefined;
  #ended = false;

  constructor(id: string, calls: ProcessCalls) {
    this.id = id;
    this.#calls = calls;
    this.stdout = this.#stream('stdout');
    this.stderr = this.#stream('stderr');
    this.pty = this.#stream('pty');
    this.exit = this.#exit.promise;
    this.closed = this.#closed.promise;
    // Who does not ask how it ended must not be stopped by it.
    for (const promise of [this.exit, this.closed]) promise.catch(() => {});
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** @throws HarnessError `stdin_closed`, `session_lost`, `closed` */
  write(chunk: Uint8Array): Promise<void> {
    return this.#calls.write(chunk);
  }

  /** Ends standard input after what was written. @throws HarnessError `not_supported`: the protocol has no such call (contract §9.3) */
  closeStdin(): Promise<void> {
    return this.#calls.closeStdin();
  }

  /** As Ctrl-C. */
  interrupt(): Promise<void> {
    return this.#calls.interrupt();
  }

  /** @returns whether it was still running */
  terminate(): Promise<boolean> {
    return this.#calls.terminate();
  }

  /** For the session: the next event, in order. */
  deliver(event: ProcessEvent): void {
    if (this.#ended) return;
    switch (event.type) {
      case 'output':
        // Who destroyed a stream does not want the rest of it.
        if (this[event.stream].destroyed) return;
        if (!this[event.stream].push(event.chunk)) this.#setFull(event.stream, true);
        return;
      case 'exited': {
        const { exitCode, sandboxDenied } = event;
        this.#status = { exitCode, sandboxDenied };
        this.#exit.resolve(this.#status);
        return;
      }
      case 'closed':
        this.#finish(this.#status ?? { exitCode: -1, sandboxDenied: false });
    }
  }

  /** For the session: nothing more will come. */
  fail(error: HarnessError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exit.reject(error);
    this.#closed.reject(error);
    for (const stream of [this.stdout, this.stderr, this.pty]) stream.destroy(error);
    this.#release();
  }

  #finish(status: ExitStatus): void {
    this.#ended = true;
    this.#exit.resolve(status);
    this.#closed.resolve(status);
    for (const stream of [this.stdout, this.stderr, this.pty]) stream.push(null);
    this.#release();
  }

  #stream(name: OutputStream): Readable {
    const stream = new Readable({ highWaterMark: STREAM_BUFFER_BYTES, read: () => this.#setFull(name, false) });
    // A stream that nobody looks at must not stop the process when its session is lost: `closed` tells.
    stream.on('error', () => {});
    // Who destroys a stream does not want it, and holds nobody back.
    stream.once('close', () => this.#setFull(name, false));
    return stream;
  }

  #setFull(stream: OutputStream, full: boolean): void {
    const before = this.#full.size;
    if (full) this.#full.add(stream);
    else this.#full.delete(stream);
    if (before === 0 && this.#full.size > 0) this.#calls.blocked(true);
    if (before > 0 && this.#full.size === 0) this.#calls.blocked(false);
  }

  #release(): void {
    this.#full.clear();
    this.#calls.blocked(false);
  }
}
