import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ReadStream } from 'node:tty';
import { type Child, type ChildEvents, type ChildSpec, exitCodeOf } from './child.ts';
import type { DescriptorMask } from './descriptor-mask.ts';
import type { PtyBinding, TerminalPair } from './pty-binding.ts';
import { interruptForeground } from './tree.ts';

/** Contract §9.3. */
const COLUMNS = 80;
const ROWS = 24;

/** A program without a PATH is looked up where execvp(3) does. */
const DEFAULT_PATH = '/bin:/usr/bin';

const SHELL = '/bin/sh';

/**
 * Run by a shell that leads a new session: the terminal it opens by name becomes the one that controls the session, which is what
 * makes Ctrl-C and job control work and what Node cannot do. Descriptor 3 keeps the terminal alive until then.
 */
const TAKE_TERMINAL = 'exec 0<>"$0" 1>&0 2>&0 3>&-; exec "$@"';

/**
 * Starts a program on a terminal of its own.
 *
 * @throws Error with the `code` of the system call. The shell would report a missing program as output of a child that exits with 127,
 * so that program and directory are looked at before.
 */
export async function startOnTerminal(spec: ChildSpec, binding: PtyBinding, mask: DescriptorMask): Promise<Child> {
  if (!statSync(spec.cwd).isDirectory()) throw systemError('ENOTDIR', spec.cwd);
  findProgram(spec);
  const terminal = binding.open(COLUMNS, ROWS);
  mask.hide(terminal.master);
  try {
    const child = await spawnOn(terminal, spec, mask);
    return new TerminalChild(child, terminal.master, mask);
  } catch (error) {
    mask.forget(terminal.master);
    closeSync(terminal.master);
    throw error;
  }
}

function spawnOn({ pty, slave }: TerminalPair, spec: ChildSpec, mask: DescriptorMask): Promise<ChildProcess> {
  const { file, args, cwd, env } = spec;
  // From `open` to `close` without a pause: nothing else may be started while `slave` can be inherited.
  try {
    const stdio = mask.cover(['ignore', 'ignore', 'ignore', slave]);
    const child = spawn(SHELL, ['-c', TAKE_TERMINAL, pty, file, ...args], { cwd, env, stdio, detached: true });
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

  constructor(process: ChildProcess, master: number, mask: DescriptorMask) {
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
    interruptForeground(this.pid);
  }

  dispose(): void {
    this.#terminal.destroy();
  }
}

function findProgram({ file, env, cwd }: ChildSpec): void {
  if (file.includes('/')) {
    checkProgram(resolve(cwd, file));
    return;
  }
  for (const directory of (env.PATH ?? DEFAULT_PATH).split(':')) {
    try {
      checkProgram(resolve(cwd, directory, file));
      return;
    } catch {
      // Not here: the next one.
    }
  }
  throw systemError('ENOENT', file);
}

function checkProgram(path: string): void {
  if (statSync(path).isDirectory()) throw systemError('EACCES', path);
  accessSync(path, constants.X_OK);
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
