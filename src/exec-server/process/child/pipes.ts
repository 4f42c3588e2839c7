import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants;

/** Pipes made ahead by one call of `mkfifo`: enough for the three of several processes started in a row. */
const BATCH = 24;

/** Below this a new batch is made in the background. */
const REFILL_BELOW = 9;

/** Both ends of a pipe. `child` blocks, as programs expect; `ours` does not. */
export interface Pipe {
  readonly ours: number;
  readonly child: number;
}

/**
 * Real pipes for children. Node's own `stdio: 'pipe'` is a socket pair, and a socket cannot be opened by name: `echo x > /dev/stderr`,
 * `tee /dev/stdout` and the like would fail in every command. Node cannot make a pipe, so the names come from `mkfifo`; each is
 * opened once and unlinked at once.
 */
export class PipeStock {
  readonly #directory: string;
  readonly #mkfifo: readonly string[];
  readonly #names: string[] = [];
  #refilling: Promise<void> | undefined;

  private constructor(directory: string, mkfifo: readonly string[]) {
    this.#directory = directory;
    this.#mkfifo = mkfifo;
  }

  /** Undefined where `mkfifo` does not run or no directory is given: children then get socket pairs. */
  static async create(directory: string | undefined, mkfifo: readonly string[]): Promise<PipeStock | undefined> {
    if (directory === undefined) return undefined;
    const stock = new PipeStock(directory, mkfifo);
    try {
      await stock.#refill();
      return stock;
    } catch {
      return undefined;
    }
  }

  /** @throws Error when the directory is gone or no descriptor is left */
  async open(direction: 'output' | 'input'): Promise<Pipe> {
    if (this.#names.length === 0) await this.#refill();
    const path = this.#names.pop();
    if (path === undefined) throw new Error('no pipe could be made');
    if (this.#names.length < REFILL_BELOW) this.#refill().catch(() => undefined);
    try {
      return openEnds(path, direction);
    } finally {
      rmSync(path, { force: true });
    }
  }

  close(): void {
    for (const path of this.#names.splice(0)) rmSync(path, { force: true });
  }

  #refill(): Promise<void> {
    this.#refilling ??= this.#make().finally(() => {
      this.#refilling = undefined;
    });
    return this.#refilling;
  }

  async #make(): Promise<void> {
    const paths = Array.from({ length: BATCH }, () => join(this.#directory, `pipe-${randomUUID()}`));
    const [file = '', ...args] = this.#mkfifo;
    await promisify(execFile)(file, [...args, '-m', '600', ...paths], { env: { PATH: process.env.PATH } });
    this.#names.push(...paths);
  }
}

function openEnds(path: string, direction: 'output' | 'input'): Pipe {
  // Open for both, so that the two below find a partner and return at once.
  const both = openSync(path, O_RDWR | O_NONBLOCK);
  try {
    const child = openSync(path, direction === 'output' ? O_WRONLY : O_RDONLY);
    try {
      return { child, ours: openSync(path, (direction === 'output' ? O_RDONLY : O_WRONLY) | O_NONBLOCK) };
    } catch (error) {
      closeSync(child);
      throw error;
    }
  } finally {
    closeSync(both);
  }
}
