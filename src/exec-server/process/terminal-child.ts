import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ReadStream } from 'node:tty';
import { type Child, type ChildEvents, type ChildSpec, exitCodeOf } from './child.ts';
import { forkTerminal, type PtyBinding } from './pty-binding.ts';
import { interruptForeground } from './tree.ts';

/** A program without a PATH is looked up where execvp(3) does. */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * Starts a program on a terminal of its own.
 *
 * @throws Error with the `code` of the system call. The library forks first and would report a missing program as output of a child
 * that exits with 1, so that program and directory are looked at before.
 */
export function startOnTerminal(spec: ChildSpec, binding: PtyBinding): Child {
  if (!statSync(spec.cwd).isDirectory()) throw systemError('ENOTDIR', spec.cwd);
  findProgram(spec);
  return new TerminalChild(spec, binding);
}

class TerminalChild implements Child {
  readonly hasStdin = true;
  readonly pid: number;
  readonly #terminal: ReadStream;
  #exit: number | undefined;
  #onExit: ((code: number) => void) | undefined;

  constructor(spec: ChildSpec, binding: PtyBinding) {
    const { fd, pid } = forkTerminal(binding, spec, (code, signal) => {
      this.#exit = exitCodeOf(code, signal);
      this.#onExit?.(this.#exit);
    });
    this.pid = pid;
    this.#terminal = new ReadStream(fd);
  }

  listen(events: ChildEvents): void {
    this.#onExit = (code) => events.exited(code);
    if (this.#exit !== undefined) events.exited(this.#exit);
    this.#terminal.on('data', (bytes: Buffer) => events.output('pty', bytes));
    // EIO is the end: nobody has the other side open any more.
    this.#terminal.on('error', () => this.#terminal.destroy());
    this.#terminal.once('close', () => events.outputEnded());
  }

  pause(): void {
    this.#terminal.pause();
  }

  resume(): void {
    this.#terminal.resume();
  }

  write(bytes: Buffer, written: () => void): boolean {
    if (this.#exit !== undefined || !this.#terminal.writable) return false;
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
