import { Command } from 'commander';
import { openHarness } from '../client/open-harness.ts';
import { explain } from '../client/refusal.ts';
import { findConnection } from '../connection/find-connection.ts';
import { type ConnectionFlags, withConnectionFlags } from '../connection/flags.ts';
import { download } from '../copy/download.ts';
import { parseEndpoint } from '../copy/endpoint.ts';
import { progressOn } from '../copy/progress.ts';
import { upload } from '../copy/upload.ts';
import { UsageError } from '../exit.ts';

interface CopyFlags extends ConnectionFlags {
  readonly recursive: boolean;
}

export function cpCommand(): Command {
  const command = new Command('cp')
    .description('Copy files to and from an executor, byte for byte.')
    .argument('<source>', 'a path here, or ENV:PATH (from the workspace if relative)')
    .argument('<destination>', 'the same, on the other side')
    .option('-r, --recursive', 'copy directories', false)
    .addHelpText(
      'after',
      '\nExamples:\n  $ noisefleet cp report.pdf demo:\n  $ noisefleet cp -r demo:src ./src-from-there',
    )
    .action(runCopy);
  return withConnectionFlags(command);
}

async function runCopy(source: string, destination: string, flags: CopyFlags): Promise<void> {
  const [from, to] = [parseEndpoint(source), parseEndpoint(destination)];
  const remote = from.where === 'there' ? from : to;
  if (remote.where !== 'there' || (from.where === 'there' && to.where === 'there')) {
    throw new UsageError(
      'one side must be ENV:PATH and the other a path here, such as:  noisefleet cp notes.txt demo:',
    );
  }
  const connection = await findConnection(remote.environment, 'harness', flags);
  const harness = await openHarness(connection);
  const progress = progressOn(process.stderr);
  const warn = (line: string) => process.stderr.write(`${line}\n`);
  const options = { recursive: flags.recursive, progress, warn };
  try {
    if (from.where === 'here') await upload(harness, from.path, to.path, options);
    else await download(harness, from.path, to.path, options);
  } catch (error) {
    throw explain(error, connection);
  } finally {
    progress.end();
    harness.close();
  }
}
