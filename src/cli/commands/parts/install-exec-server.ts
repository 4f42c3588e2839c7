import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { installNode } from '../../install/install-node.ts';
import { installPrograms } from '../../install/install-programs.ts';

/** Loaded before the libraries are looked for: they may need one that Node itself does not. */
const ADDONS = ['bufferutil', '@lydell/node-pty'];

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

export function installExecServerCommand(): Command {
  return new Command('install-exec-server')
    .description(
      'Copy this program, the Node that runs it, and a shell if there is one, to where another image can run them. For init containers.',
    )
    .addOption(new Option('--to <folder>', 'a folder that both can see').makeOptionMandatory())
    .addHelpText('after', '\nExample:\n  $ noisefleet install-exec-server --to /noisefleet')
    .action(async ({ to }: { to: string }) => {
      const [, entry = ''] = process.argv;
      const require = createRequire(entry);
      for (const addon of ADDONS) {
        try {
          require(addon);
        } catch (error) {
          // Not in this build: then nothing needs its libraries. What is there and does not load will not load there either.
          if (!isMissing(error)) process.stderr.write(`warning: ${addon} does not load: ${String(error)}\n`);
        }
      }
      await installNode(to);
      await installPrograms(to);
      await cp(dirname(entry), join(to, 'app'), { recursive: true });
    });
}
