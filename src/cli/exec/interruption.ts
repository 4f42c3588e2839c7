import type { RemoteProcess } from '../../harness/index.ts';

/** What a shell expects of a program that a signal ended. */
const INTERRUPTED = 130;
const TERMINATED = 143;
const HUNG_UP = 129;

/** The executor is told to end the command; if it cannot be told within this many milliseconds we end without. */
const TERMINATE_PATIENCE_MS = 2000;

/**
 * Ctrl-C for a command elsewhere: the first interrupts it, the second terminates it, the third ends us. Before there is a command the first
 * ends us. SIGTERM and SIGHUP terminate it, so that nothing is left running.
 */
export class Interruption {
  readonly #aborter = new AbortController();
  readonly #onInterrupt = () => this.#interrupt();
  readonly #onTerminate = () => this.#terminate(TERMINATED);
  readonly #onHangUp = () => this.#terminate(HUNG_UP);
  #command: RemoteProcess | undefined;
  #interrupts = 0;

  constructor() {
    process.on('SIGINT', this.#onInterrupt);
    process.on('SIGTERM', this.#onTerminate);
    process.on('SIGHUP', this.#onHangUp);
  }

  /** Ends what is under way before there is a command. */
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  /** From here on the signals are the command's. */
  aimAt(command: RemoteProcess): void {
    this.#command = command;
  }

  stop(): void {
    process.off('SIGINT', this.#onInterrupt);
    process.off('SIGTERM', this.#onTerminate);
    process.off('SIGHUP', this.#onHangUp);
  }

  #interrupt(): void {
    this.#interrupts += 1;
    if (!this.#command || this.#interrupts > 2) this.#leave(INTERRUPTED);
    else if (this.#interrupts === 1) this.#command.interrupt().catch(() => this.#leave(INTERRUPTED));
    else this.#command.terminate().catch(() => this.#leave(INTERRUPTED));
  }

  #terminate(exitCode: number): void {
    if (!this.#command) this.#leave(exitCode);
    setTimeout(() => this.#leave(exitCode), TERMINATE_PATIENCE_MS).unref();
    this.#command?.terminate().then(
      () => this.#leave(exitCode),
      () => this.#leave(exitCode),
    );
  }

  /** At once: whoever sends a third signal does not want to wait for a relay. */
  #leave(exitCode: number): void {
    this.#aborter.abort();
    process.exit(exitCode);
  }
}
