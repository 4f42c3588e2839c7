import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Looked at before the PATH, which may have directories that others write to. */
const SYSTEM_DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin'];

/** Longer than any start of an empty sandbox; only a broken kernel or a full machine needs more. */
const PROBE_TIMEOUT_MS = 10_000;

/**
 * Namespaces of every sandbox. Without one of its own for processes, a command could reach through `/proc/PID/root` of ours into the
 * files outside; no capability is left; the tree dies with us.
 */
const ISOLATION = [
  '--unshare-user',
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  '--cap-drop',
  'ALL',
  '--die-with-parent',
];

/** On top of whatever is mounted at `/`: a few device nodes and the processes of the sandbox alone. */
export const OWN_MOUNTS = ['--dev', '/dev', '--proc', '/proc'];

export interface Mounts {
  /** In order; later ones lie over earlier ones. */
  readonly options: readonly string[];
  readonly network: boolean;
}

/** A bubblewrap that was seen to work here with all that a sandbox needs. */
export interface Bubblewrap {
  readonly program: string;
  /** Knows `--argv0` (0.9 and later). */
  readonly setsArg0: boolean;
}

/** Looks for bubblewrap and tries it once; a text instead says why there is none. */
export async function findBubblewrap(path: string | undefined): Promise<Bubblewrap | string> {
  const directories = [
    ...SYSTEM_DIRECTORIES,
    ...(path ?? '').split(':').filter((directory) => directory.startsWith('/')),
  ];
  const program = directories.map((directory) => join(directory, 'bwrap')).find(isExecutable);
  if (program === undefined) return 'bubblewrap (bwrap) is not installed';
  const run = (args: readonly string[]) => promisify(execFile)(program, args, { timeout: PROBE_TIMEOUT_MS });
  try {
    await run(
      bubblewrapArguments({ options: ['--ro-bind', '/', '/', ...OWN_MOUNTS], network: false }, '/', [
        program,
        '--version',
      ]),
    );
    const { stdout } = await run(['--help']);
    return { program, setsArg0: stdout.includes('--argv0') };
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return `bubblewrap does not work here: ${said || String(error)}`;
  }
}

export function bubblewrapArguments({ options, network }: Mounts, cwd: string, command: readonly string[]): string[] {
  return [...ISOLATION, ...(network ? [] : ['--unshare-net']), ...options, '--chdir', cwd, '--', ...command];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
