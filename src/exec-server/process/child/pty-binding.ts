import { createRequire } from 'node:module';

/** Both ends of a terminal. */
export interface TerminalPair {
  /** Ours: readable and writable, not blocking. */
  readonly master: number;
  /** The program's; it must not be used by a program, for it does not block either. */
  readonly slave: number;
  /** The name of the program's end. */
  readonly pty: string;
}

export interface PtyBinding {
  open(columns: number, rows: number): TerminalPair;
}

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
  return typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';
}
