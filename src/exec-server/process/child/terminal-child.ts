import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { type Child, type ChildEvents, type ChildSpec, exitCodeOf } from './child.ts';
import type { DescriptorMask } from './descriptor-mask.ts';
import { checkStartable } from './program.ts';
import type { PtyBinding, TerminalPair } from './pty-binding.ts';
import { interruptFollowers, interruptForeground } from './tree.ts';

/** Contract §9.3. */
const COLUMNS = 80;
const ROWS = 24;

/**
 * Run by a shell that leads a new session: the terminal it opens by name becomes the one that controls the session, which is what
 * makes Ctrl-C and job control work and what Node cannot do. Descriptor 3 keeps the terminal alive until then.
 */
const TAKE_TERMINAL = 'exec 0<>"$0" 1>&0 2>&0 3>&-; exec "$@"';

/** What it takes to give a program a terminal. */
export interface TerminalMeans {
  readonly binding: PtyBinding;
  readonly mask: DescriptorMask;
  /** The command of a POSIX shell. */
  readonly shell: readonly string[];
}

/**
 * Starts a program on a terminal of its own.
 *
 * @throws Error with the `code` of the system call
 */
export async function startOnTerminal(spec: ChildSpec, { binding, mask, shell }: TerminalMeans): Promise<Child> {
  checkStartable(spec);
  const terminal = binding.open(COLUMNS, ROWS);
  mask.hide(terminal.master);
  try {
    const child = await spawnOn(terminal, spec, { mask, shell });
    return new TerminalChild(child, terminal.master, mask, spec.supervised);
  } catch (error) {
    mask.forget(terminal.master);
    closeSync(terminal.master);
    throw error;
  }
}

function spawnOn(
  { pty, slave }: TerminalPair,
  spec: ChildSpec,
  { mask, shell: [shell = '', ...shellArgs] }: Omit<TerminalMeans, 'binding'>,
): Promise<ChildProcess> {
  const { file, args, cwd, env } = spec;
  // From `open` to `close` without a pause: nothing else may be started while `slave` can be inherited.
  try {
    const stdio = mask.cover(['ignore', 'ignore', 'ignore', slave]);
    const argv = [...shellArgs, '-c', TAKE_TERMINAL, pty, file, ...args];
    const child = spawn(shell, argv, { cwd, env, stdio, detached: true });
    return once(child, 'spawn').then(() => child);
  } finally {
    closeSync(slave);
  }
}

class TerminalChild implements Child {
  readonly hasStdin = true;
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #terminal: ReadStream;
  readonly #mask: DescriptorMask;
  readonly #master: number;
  readonly #supervised: boolean;

  constructor(process: ChildProcess, master: number, mask: DescriptorMask, supervised = false) {
    this.#supervised = supervised;
    this.pid = process.pid ?? 0;
    this.#process = process;
    this.#master = master;
    this.#mask = mask;
    this.#terminal = new ReadStream(master);
  }

  listen(events: ChildEvents): void {
    const { exitCode, signalCode } = this.#process;
    const exited = (code: number | null, signal: NodeJS.Signals | null) => events.exited(exitCodeOf(code, signal));
    if (exitCode !== null || signalCode !== null) queueMicrotask(() => exited(exitCode, signalCode));
    else this.#process.once('exit', exited);
    this.#terminal.on('data', (bytes: Buffer) => events.output('pty', bytes));
    // EIO is the end: nobody has the other side open any more.
    this.#terminal.on('error', () => this.#terminal.destroy());
    this.#terminal.once('close', () => {
      this.#mask.forget(this.#master);
      events.outputEnded();
    });
  }

  pause(): void {
    this.#terminal.pause();
  }

  resume(): void {
    this.#terminal.resume();
  }

  write(bytes: Buffer, written: () => void): boolean {
    if (!this.#terminal.writable) return false;
    this.#terminal.write(bytes, () => written());
    return true;
  }

  /** A terminal has no end of input; a program that wants one reads the character Ctrl-D. */
  endInput(): void {}

  interrupt(): void {
    if (this.#supervised) void interruptFollowers(this.pid);
    else interruptForeground(this.pid);
  }

  dispose(): void {
    this.#terminal.destroy();
  }
}
