import { chmod, copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sharedObjectsIn } from './shared-objects.ts';

const READABLE = 0o755;
/**
 * A program that its user may run and not read is not "dumpable" (`prctl(2)`): other processes of that user cannot read its memory or
 * environment. The exec-server is started through this loader, and commands, which run as the same user, must not find the sidecar's token.
 */
const EXECUTE_ONLY = 0o111;

/** This Node cannot be taken along: it is linked statically, or runs where there is no `/proc`. */
class InstallError extends Error {
  override readonly name = 'InstallError';
  readonly code = 'no_loader';
  readonly step = 'install Node';
}

/**
 * Copies the running Node to `<target>/node`, its loader to `<target>/loader` and its libraries to `<target>/lib`: so it runs in any image, also
 * in one without a libc. Throws `InstallError`.
 */
export async function installNode(target: string): Promise<void> {
  const objects = sharedObjectsIn(await readFile('/proc/self/maps', 'utf8'));
  if (objects === undefined) throw new InstallError('this Node has no loader among its mappings');
  const lib = join(target, 'lib');
  await mkdir(lib, { recursive: true });
  for (const path of objects.libraries) await copyFile(path, join(lib, basename(path)));
  await installProgram(process.execPath, join(target, 'node'), READABLE);
  await installProgram(objects.loader, join(target, 'loader'), EXECUTE_ONLY);
}

async function installProgram(path: string, target: string, mode: number): Promise<void> {
  await copyFile(path, target);
  await chmod(target, mode);
}
