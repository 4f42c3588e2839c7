import { Option } from 'commander';
import { leaveFirstPlace } from './first-process.ts';
import { type ProgramName, readPrograms } from './programs.ts';

export function toolsFlag(): Option {
  return new Option(
    '--tools <folder>',
    'what install-exec-server has filled: pipes, terminals and a first process from there',
  );
}

/** The commands of the programs there; none without a folder. As the first process of a container it starts this program again, as a child. */
export async function toolsAsFirstProcess(
  folder: string | undefined,
): Promise<Partial<Record<ProgramName, readonly string[]>>> {
  if (folder === undefined) return {};
  const programs = await readPrograms(folder);
  leaveFirstPlace(programs.sh, folder);
  return programs;
}
