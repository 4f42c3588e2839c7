import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * Programs that commands need and that an image may lack: `sh` for terminals and as the first process of a container, `mkfifo` for pipes.
 * They are taken along from our own image where it has them.
 */
export const PROGRAMS = ['sh', 'mkfifo'] as const;
export type ProgramName = (typeof PROGRAMS)[number];

/** How it starts: by itself, or through the loader that lies beside it. */
const linkage = z.enum(['static', 'linked']);
const programsFile = z.partialRecord(z.enum(PROGRAMS), linkage);
export type InstalledPrograms = z.infer<typeof programsFile>;

const FILE = 'programs.json';

/** Where a program lies in a folder that `install-exec-server` filled. */
export function programPath(folder: string, name: string): string {
  return join(folder, 'bin', name);
}

/** The loader of that folder with its libraries, and with them `program`. No variable is set, so commands inherit none. */
export function throughLoader(folder: string, program: string): readonly string[] {
  return [join(folder, 'loader'), '--library-path', join(folder, 'lib'), program];
}

/** The command that starts an installed program: arguments are added to it. */
export function programCommand(folder: string, name: ProgramName, how: z.infer<typeof linkage>): readonly string[] {
  const path = programPath(folder, name);
  return how === 'static' ? [path] : throughLoader(folder, path);
}

export async function writePrograms(folder: string, programs: InstalledPrograms): Promise<void> {
  await writeFile(join(folder, FILE), `${JSON.stringify(programs)}\n`);
}

/** The commands of what is installed there. Throws Error when the folder is not one that `install-exec-server` filled. */
export async function readPrograms(folder: string): Promise<Partial<Record<ProgramName, readonly string[]>>> {
  const programs = programsFile.parse(JSON.parse(await readFile(join(folder, FILE), 'utf8')));
  const commands = Object.entries(programs).map(([name, how]) => {
    const known = z.enum(PROGRAMS).parse(name);
    return [known, programCommand(folder, known, how)] as const;
  });
  return Object.fromEntries(commands);
}
