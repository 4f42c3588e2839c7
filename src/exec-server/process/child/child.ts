import { constants } from 'node:os';
import type { OutputStream } from '../../output/block.ts';

/** What a child is made of: everything is decided, nothing is looked up any more. */
export interface ChildSpec {
  /** A path, or a name that is looked up in the PATH of `env`. */
  readonly file: string;
  readonly args: readonly string[];
  /** What the program sees as its own name; `file` when undefined. */
  readonly arg0: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pipeStdin: boolean;
  /** `file` only supervises the real program (a sandbox does): it must live on when that is interrupted. */
  readonly supervised?: boolean;
}

/** What a running child tells. Never called before the start function returned it. */
export interface ChildEvents {
  output(stream: OutputStream, bytes: Buffer): void;
  /** No more output. Comes once, after all output, and may come before or long after `exited`: grandchildren hold pipes open. */
  outputEnded(): void;
  /** Once. 128 + n for a death by signal n. */
  exited(code: number): void;
}

/** A started program, by pipes or on a terminal. It leads its own session, so that its whole tree can be found and killed. */
export interface Child {
  readonly pid: number;
  readonly hasStdin: boolean;
  /** Call once, at once after the start. */
  listen(events: ChildEvents): void;
  /** Stops and continues reading its output; the child blocks in `write` meanwhile. */
  pause(): void;
  resume(): void;
  /** False when nobody can read it any more. `written` comes when the child took it, or never will. */
  write(bytes: Buffer, written: () => void): boolean;
  endInput(): void;
  /** Ctrl-C. */
  interrupt(): void;
  /** Gives up descriptors that grandchildren may hold open for ever. Output still in them is lost. */
  dispose(): void;
}

/** Shells' rule (contract §9.3): 130 for SIGINT, 137 for SIGKILL. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | number | null | undefined): number {
  const number = typeof signal === 'string' ? constants.signals[signal] : (signal ?? 0);
  return number > 0 ? 128 + number : (code ?? 1);
}
