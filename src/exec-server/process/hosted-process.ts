import type { Clock, Timer } from '../../telemetry/index.ts';
import { KILL_GRACE_MS } from '../limits.ts';
import type { OutputLog } from '../output/output-log.ts';
import type { Child } from './child/child.ts';
import { signalTree } from './child/tree.ts';
import { ProcessInput, type WriteStatus } from './input.ts';

export interface HostedProcessOptions {
  id: string;
  child: Child;
  clock: Clock;
  /** Makes the output log; it is told when there is room again. */
  createLog(onRoom: () => void): OutputLog;
  /** Something was appended to the log. */
  onEntry(process: HostedProcess): void;
}

/** One process of a session: the child, everything it said, and what was written to it. */
export class HostedProcess {
  readonly id: string;
  readonly log: OutputLog;
  readonly #child: Child;
  readonly #input: ProcessInput;
  readonly #clock: Clock;
  readonly #onEntry: (process: HostedProcess) => void;
  #exitCode: number | undefined;
  #exitSeq: number | undefined;
  #outputEnded = false;
  #closed = false;
  #paused = false;
  #discarded = false;
  #kill: Timer | undefined;
  #watchers: (() => void)[] = [];

  constructor({ id, child, clock, createLog, onEntry }: HostedProcessOptions) {
    this.id = id;
    this.#child = child;
    this.#clock = clock;
    this.#onEntry = onEntry;
    this.#input = new ProcessInput(child);
    this.log = createLog(() => this.#flow());
    child.listen({
      output: (stream, bytes) => {
        this.log.append(stream, bytes);
        this.#flow();
        this.#told();
      },
      outputEnded: () => {
        this.#outputEnded = true;
        this.#closeWhenOver();
      },
      exited: (code) => this.#exited(code),
    });
  }

  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** The number of `process/exited`. */
  get exitSeq(): number | undefined {
    return this.#exitSeq;
  }

  /** Exited, and all its output is in the log. */
  get closed(): boolean {
    return this.#closed;
  }

  write(writeId: string, bytes: Buffer): Promise<WriteStatus> {
    return this.#input.write(writeId, bytes);
  }

  endInput(): WriteStatus {
    return this.#input.end();
  }

  interrupt(): void {
    if (this.#exitCode === undefined) this.#child.interrupt();
  }

  /** Kills the whole tree without grace; false when the process has ended already, as the real executor answers. */
  terminate(): boolean {
    if (this.#exitCode !== undefined) return false;
    void signalTree(this.#child.pid, 'SIGKILL', false);
    return true;
  }

  /**
   * For good: SIGTERM to the tree, SIGKILL to what is left of it, and the log is gone. Also for a process that has exited: what it left
   * in the background ends as well. Resolves when the last signal was sent.
   */
  async end(): Promise<void> {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#input.close();
    // A child that is not read would block in `write` instead of dying by SIGTERM.
    this.log.close();
    this.#flow();
    await this.#signal('SIGTERM');
    if (this.#exitCode === undefined || !this.#outputEnded) await this.#overOrAfter(KILL_GRACE_MS);
    await this.#signal('SIGKILL');
    this.#child.dispose();
    this.#told();
  }

  /** It is over and was read: its output is no longer needed. */
  forget(): void {
    this.log.close();
  }

  /** Of its first process, which leads its session. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves at the next entry or after `milliseconds`. */
  nextEntry(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(milliseconds, () => {
        this.#watchers = this.#watchers.filter((watcher) => watcher !== seen);
        resolve();
      });
      const seen = () => {
        timer.cancel();
        resolve();
      };
      this.#watchers.push(seen);
    });
  }

  #exited(code: number): void {
    this.#exitCode = code;
    this.#exitSeq = this.log.nextSeq;
    this.#input.close();
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(code);
    this.log.append('exited', bytes);
    this.#told();
    this.#closeWhenOver();
  }

  #closeWhenOver(): void {
    if (this.#closed || !this.#outputEnded || this.#exitCode === undefined) return;
    this.#closed = true;
    this.#child.dispose();
    this.log.append('closed', Buffer.alloc(0));
    this.#told();
  }

  #flow(): void {
    const { full } = this.log;
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.#child.pause();
    else this.#child.resume();
  }

  #told(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
    if (!this.#discarded) this.#onEntry(this);
  }

  #signal(signal: NodeJS.Signals): Promise<void> {
    return signalTree(this.#child.pid, signal, this.#exitCode !== undefined);
  }

  /** Entries still tell of exit and close: the watchers do not need the log. */
  async #overOrAfter(milliseconds: number): Promise<void> {
    let late = false;
    await new Promise<void>((resolve) => {
      this.#kill = this.#clock.after(milliseconds, () => {
        late = true;
        resolve();
      });
      const check = () => {
        if (late) return;
        if (this.#closed) resolve();
        else this.#watchers.push(check);
      };
      check();
    });
    this.#kill?.cancel();
  }
}
