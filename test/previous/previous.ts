import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

/** The last commit of the release before this one: what an installation may be upgraded from, and what our wire formats must understand. */
export const PREVIOUS_COMMIT = 'ea9bebc696a0d5c2beae3f5b0aa1aeb2f4952090';

const ROOT = dirname(dirname(import.meta.dirname));
/** Below the root of a checkout: ignored by everything that looks at sources, and gone with it. */
const FOLDER = 'dist/previous';
/** What says which dependencies there are. */
const LOCKFILE = 'package-lock.json';
/** Of a lockfile's hash: enough to tell the few that one checkout ever has. */
const HASH_LETTERS = 12;
/** Dependencies from a registry, on a machine that does other things as well. Milliseconds. */
const INSTALL_LIMIT_MS = 300_000;
/** npm tells of every deprecated package. */
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

const call = promisify(execFile);

/** There is no checkout of the previous release to be had. */
export class PreviousReleaseError extends Error {
  override readonly name = 'PreviousReleaseError';
  readonly code: 'no_repository' | 'commit_missing';

  constructor(code: PreviousReleaseError['code'], message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * The previous release as a folder with its dependencies, from which everything of it can be started as from a clone. Made by the first
 * caller; several may ask at once, in one process or in many: each makes one beside the others, and the first that is done is everybody's.
 *
 * @param root of the clone whose history has it; this one unless given
 * @throws {PreviousReleaseError} when that is no clone, or one without that commit
 */
export async function previousCheckout(root = ROOT): Promise<string> {
  const checkout = await placeFor(root);
  if (existsSync(checkout)) return checkout;
  await requireCommit(root);
  const folder = dirname(checkout);
  await mkdir(folder, { recursive: true });
  const made = await mkdtemp(join(folder, '.making-'));
  try {
    await extract(root, made);
    await installDependencies(root, made);
    await chmod(made, 0o755); // a temporary folder is its maker's alone
    await rename(made, checkout).catch((error: NodeJS.ErrnoException) => {
      if (!existsSync(checkout)) throw error; // else another caller was faster
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return checkout;
}

/** Another one when our dependencies are others: they may be linked. */
async function placeFor(root: string): Promise<string> {
  const lockfile = await readFile(join(root, LOCKFILE)).catch(() => '');
  const hash = createHash('sha256').update(lockfile).digest('hex').slice(0, HASH_LETTERS);
  return join(root, FOLDER, `${PREVIOUS_COMMIT}-${hash}`);
}

async function requireCommit(root: string): Promise<void> {
  await git(root, 'rev-parse', '--git-dir').catch((cause: unknown) => {
    const message = `${root} is no git repository: the previous release is taken from its history`;
    throw new PreviousReleaseError('no_repository', message, cause);
  });
  await git(root, 'cat-file', '-e', `${PREVIOUS_COMMIT}^{commit}`).catch((cause: unknown) => {
    const message =
      `commit ${PREVIOUS_COMMIT} (the previous release) is not in this clone; a shallow one gets it by ` +
      `git fetch --depth=1 origin ${PREVIOUS_COMMIT}`;
    throw new PreviousReleaseError('commit_missing', message, cause);
  });
}

async function extract(root: string, folder: string): Promise<void> {
  const archive = join(folder, '.archive.tar');
  await git(root, 'archive', '--format=tar', '--output', archive, PREVIOUS_COMMIT);
  await call('tar', ['--extract', '--file', archive, '--directory', folder]);
  await rm(archive);
}

/** Ours, where they are the same; a link that stays right when the checkout is copied with all that is in it. */
async function installDependencies(root: string, folder: string): Promise<void> {
  const [theirs, ours] = await Promise.all([folder, root].map((each) => readFile(join(each, LOCKFILE), 'utf8')));
  if (theirs === ours) {
    await symlink(relative(folder, join(root, 'node_modules')), join(folder, 'node_modules'));
    return;
  }
  await call('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    timeout: INSTALL_LIMIT_MS,
    maxBuffer: MOST_OUTPUT_BYTES,
  });
}

async function git(root: string, ...args: readonly string[]): Promise<void> {
  await call('git', ['-C', root, ...args]);
}
