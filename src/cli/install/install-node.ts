import { chmod, copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sharedObjectsIn } from './shared-objects.ts';

const EXECUTABLE = 0o755;

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
  const programs = { [process.execPath]: 'node', [objects.loader]: 'loader' };
  for (const [path, name] of Object.entries(programs)) {
    await copyFile(path, join(target, name));
    await chmod(join(target, name), EXECUTABLE);
  }
}
