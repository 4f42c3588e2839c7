import type { Logger } from '../../telemetry/index.ts';

export interface TaskFailure {
  readonly task: string;
  readonly error: unknown;
}

/**
 * Owns every background task of a process. A task that ends before it is asked to, or that throws, is a bug: it stops all others and is reported
 * by name, so that no process runs on with a part missing.
 */
export class Supervisor {
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #tasks = new Map<Promise<void>, string>();
  readonly #failure = Promise.withResolvers<TaskFailure>();

  constructor({ log }: { readonly log: Logger }) {
    this.#log = log;
  }

  /** Aborted when the process is to stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The names of what still runs: what is slow to stop, when stopping is slow. */
  get running(): readonly string[] {
    return [...this.#tasks.values()];
  }

  /** Resolves with the first failure; stays pending while all is well. */
  get failed(): Promise<TaskFailure> {
    return this.#failure.promise;
  }

  /** Runs until its signal aborts. */
  start(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    if (this.signal.aborted) return;
    const task: Promise<void> = this.#guarded(name, run).finally(() => this.#tasks.delete(task));
    this.#tasks.set(task, name);
  }

  /** Asks every task to end and waits until they did. */
  async stop(): Promise<void> {
    this.#abort.abort();
    while (this.#tasks.size > 0) await Promise.all(this.#tasks.keys());
  }

  async #guarded(name: string, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await run(this.signal);
      if (this.signal.aborted) return;
      this.#fail(name, new Error(`the task "${name}" ended by itself`));
    } catch (error) {
      if (this.signal.aborted && isAbort(error)) return;
      this.#fail(name, error);
    }
  }

  #fail(task: string, error: unknown): void {
    this.#log.error({ task, err: error }, 'background task failed');
    this.#failure.resolve({ task, error });
    this.#abort.abort();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
