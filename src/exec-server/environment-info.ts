import { accessSync, constants } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { basename, isAbsolute } from 'node:path';
import type { EnvironmentInfo } from '../wire/index.ts';
import { pathUri } from './files/path-uri.ts';

/** Tried in turn after the user's own: a harness runs its commands by the shell that we name. */
const SHELLS = ['/bin/bash', '/usr/bin/bash', '/bin/sh'];

/** Shells whose `-lc` a harness knows how to use. */
const KNOWN_SHELLS = ['bash', 'zsh', 'sh'];

/**
 * `environment/info` (contract §9.2). No capabilities: each one announced would bring requests of its own, and a harness works a whole
 * turn without them.
 */
export function environmentInfo(cwd: string, executorVersion: string): EnvironmentInfo {
  const path = findShell();
  return {
    shell: { name: basename(path), path },
    cwd: pathUri(cwd),
    userHomeDir: isAbsolute(homedir()) ? pathUri(homedir()) : null,
    tempDir: pathUri(tmpdir()),
    platformOs: process.platform === 'darwin' ? 'macos' : process.platform,
    executorVersion,
    capabilities: {},
  };
}

function findShell(): string {
  const own = [process.env.SHELL, loginShell()].filter((path) => path !== undefined);
  const known = own.filter((path) => isAbsolute(path) && KNOWN_SHELLS.includes(basename(path)));
  return [...known, ...SHELLS].find(isExecutable) ?? '/bin/sh';
}

/** Undefined for a uid without an entry, which containers often have. */
function loginShell(): string | undefined {
  try {
    return userInfo().shell ?? undefined;
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
