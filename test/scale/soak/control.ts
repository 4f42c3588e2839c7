import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A Node that does nothing: what the delay of an event loop is on this machine at this moment, whoever else uses it. */
export class Control {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'control-process.ts'));

  /** 99th percentile since the look before, in milliseconds. */
  async delayMs(): Promise<number> {
    this.#child.send('look');
    const [milliseconds] = await once(this.#child, 'message');
    return Number(milliseconds);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
