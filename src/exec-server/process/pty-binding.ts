import { createRequire } from 'node:module';

/** What `fork` of the PTY library's native half returns. */
export interface ForkedTerminal {
  /** The master: readable and writable, not blocking. */
  readonly fd: number;
  readonly pid: number;
}

export interface PtyBinding {
  fork(
    file: string,
    args: readonly string[],
    env: readonly string[],
    cwd: string,
    columns: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helperPath: string,
    onExit: (code: number, signal: number) => void,
  ): ForkedTerminal;
}

/** The library's JavaScript half passes this on Linux, where no helper is used. */
const NO_HELPER = 'spawn-helper-unused';
/** Keeps our own user and group. */
const SAME_ID = -1;

/**
 * The native half of `@lydell/node-pty` without its JavaScript half, which destroys the terminal 200 ms after the program's exit,
 * read or not: with a reader that applies back-pressure, that loses output.
 *
 * @throws Error where the library has no binary for this platform
 */
export function loadPtyBinding(): PtyBinding {
  const require = createRequire(createRequire(import.meta.url).resolve('@lydell/node-pty'));
  const binding: unknown = require(`@lydell/node-pty-${process.platform}-${process.arch}/pty.node`);
  if (!isPtyBinding(binding))
    throw new Error('the terminal library has another shape than the one this release was made for');
  return binding;
}

function isPtyBinding(value: unknown): value is PtyBinding {
  return typeof value === 'object' && value !== null && 'fork' in value && typeof value.fork === 'function';
}

/** Contract §9.3: 24 rows, 80 columns. */
export function forkTerminal(
  binding: PtyBinding,
  {
    file,
    args,
    cwd,
    env,
  }: { file: string; args: readonly string[]; cwd: string; env: Readonly<Record<string, string>> },
  onExit: (code: number, signal: number) => void,
): ForkedTerminal {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return binding.fork(file, args, variables, cwd, 80, 24, SAME_ID, SAME_ID, true, NO_HELPER, onExit);
}
