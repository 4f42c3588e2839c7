import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ChildSpec } from './child.ts';

/** A program without a PATH is looked up where execvp(3) does. */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * Looks at working directory and program of a child that something else (a shell, bubblewrap) will start: that would report a missing
 * one as output of a child that exits with 127 or 1.
 *
 * @throws Error with the `code` of the system call
 */
export function checkStartable({ file, env, cwd }: ChildSpec): void {
  if (!statSync(cwd).isDirectory()) throw systemError('ENOTDIR', cwd);
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
