import { lstat, mkdir } from 'node:fs/promises';
import { CliError } from '../client/cli-error.ts';

/** Readable and enterable by its owner only. */
const PRIVATE = 0o700;

/** Writable by everybody: anybody could plant instructions for the agent there. */
const SHARED_WRITE = 0o002;

/**
 * Makes the workspace path on this side: a real Codex wants its directory to exist where it runs, though it works in the one of the same path on
 * the executor (contract §10). An existing one must be ours, no link, and not everybody's to write.
 *
 * @throws CliError `workspace_unsafe`, `workspace_unavailable`
 */
export async function makeWorkspace(path: string, uid: number | undefined = process.getuid?.()): Promise<void> {
  const failed = await mkdir(path, { recursive: true, mode: PRIVATE }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  // What is there says more than why it could not be made: a link that leads nowhere fails as if nothing were there.
  const found = await lstat(path).catch((cause: unknown) => {
    throw unavailable(path, failed ?? cause);
  });
  if (found.isSymbolicLink()) throw unsafe(path, 'it is a symbolic link');
  if (!found.isDirectory()) throw unsafe(path, 'it is no directory');
  if (uid !== undefined && found.uid !== uid) throw unsafe(path, 'it belongs to somebody else');
  if ((found.mode & SHARED_WRITE) !== 0) throw unsafe(path, 'others may write into it', `Mend it:  chmod o-w ${path}`);
}

function unavailable(path: string, cause: unknown): CliError {
  const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new CliError(`the workspace path ${path} cannot be made here: ${why}`, {
    code: 'workspace_unavailable',
    hint: 'The agent needs a directory of the same path on both sides. Name one that you may make with --workspace PATH.',
  });
}

function unsafe(path: string, why: string, mend?: string): CliError {
  return new CliError(`the workspace path ${path} cannot be used here: ${why}`, {
    code: 'workspace_unsafe',
    hint: mend ?? 'Name another one with --workspace PATH; it must exist on the executor too.',
  });
}
