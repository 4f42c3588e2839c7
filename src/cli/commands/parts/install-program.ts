import { chmod, copyFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Command, Option } from 'commander';
import { CliError } from '../../client/cli-error.ts';

const EXECUTABLE = 0o755;

/** Copies a static program out of the image that has it. For init containers. */
export function installProgramCommand(): Command {
  return new Command('install-program')
    .description('Copy a static program of this image to where another can run it. For init containers.')
    .argument('<name>', 'looked for on PATH')
    .addOption(new Option('--to <file>', 'the copy').makeOptionMandatory())
    .addHelpText('after', '\nExample:\n  $ noisefleet install-program codex --to /noisefleet/codex')
    .action(async (name: string, { to }: { to: string }) => {
      for (const folder of (process.env.PATH ?? '').split(delimiter)) {
        if (await copied(join(folder, name), to)) return chmod(to, EXECUTABLE);
      }
      throw new CliError(`there is no ${name} on the PATH of this image`, { code: 'not_found' });
    });
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
