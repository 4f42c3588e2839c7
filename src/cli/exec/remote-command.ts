import { posix } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** `K=V`, or `K` for the value that it has here. */
export function parseAssignment(text: string, environment: NodeJS.ProcessEnv = process.env): [string, string] {
  const [, name, , value] = /^([A-Za-z_][A-Za-z0-9_]*)(=([\s\S]*))?$/.exec(text) ?? [];
  const known = value ?? (name === undefined ? undefined : environment[name]);
  if (name === undefined) throw new InvalidArgumentError('Write NAME=VALUE, or NAME for the value that it has here.');
  if (known === undefined) throw new InvalidArgumentError(`${name} has no value here: write ${name}=VALUE.`);
  return [name, known];
}

/** A directory as given on the command line, from the workspace if it is relative. */
export function directoryIn(workspace: string, given: string | undefined): string {
  return given === undefined ? workspace : posix.resolve(workspace, given);
}

export interface TerminalSize {
  rows: number;
  columns: number;
}

/**
 * The command in a terminal of our size: the protocol's is 24 × 80 and has no call to change it (contract §9.3), so a shell there does. A
 * system without `stty` keeps 24 × 80.
 */
export function inTerminalOf({ rows, columns }: TerminalSize, argv: readonly string[]): string[] {
  return ['/bin/sh', '-c', `stty rows ${rows} cols ${columns} 2>/dev/null; exec "$@"`, 'sh', ...argv];
}
