import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, realpath, rm } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { linkedLibraries } from './linked-libraries.ts';
import {
  type InstalledPrograms,
  PROGRAMS,
  type ProgramName,
  programCommand,
  programPath,
  writePrograms,
} from './programs.ts';

const call = promisify(execFile);
const EXECUTABLE = 0o755;

/** Shows that a copy runs where it now lies. */
const TRIAL: Readonly<Record<ProgramName, readonly string[]>> = { sh: ['-c', 'exit 0'], mkfifo: ['--help'] };

/**
 * Copies each of `PROGRAMS` that this image has on its PATH to beside the Node of `installNode`, with the libraries it is linked with. One
 * that is missing or does not run from there is left out: commands then go without.
 */
export async function installPrograms(target: string, path = process.env.PATH ?? ''): Promise<void> {
  const installed: InstalledPrograms = {};
  for (const name of PROGRAMS) {
    const how = await installProgram(target, name, path);
    if (how !== undefined) installed[name] = how;
  }
  await writePrograms(target, installed);
}

async function installProgram(
  target: string,
  name: ProgramName,
  path: string,
): Promise<InstalledPrograms[ProgramName] | undefined> {
  const source = await found(name, path);
  if (source === undefined) return undefined;
  const copy = programPath(target, name);
  await mkdir(dirname(copy), { recursive: true });
  await copyFile(source, copy);
  await chmod(copy, EXECUTABLE);
  // A loader lists nothing for a program that is linked statically, each in its own way of failing.
  const listing = await call(join(target, 'loader'), ['--list', source]).catch(() => undefined);
  const how = listing === undefined ? 'static' : 'linked';
  for (const library of linkedLibraries(listing?.stdout ?? '')) {
    await copyFile(library, join(target, 'lib', basename(library)));
  }
  const [file = '', ...args] = programCommand(target, name, how);
  const runs = await call(file, [...args, ...TRIAL[name]], { env: {} }).then(
    () => true,
    () => false,
  );
  if (runs) return how;
  await rm(copy);
  return undefined;
}

async function found(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const real = await realpath(join(folder, name)).catch(() => undefined);
    if (real !== undefined) return real;
  }
  return undefined;
}
