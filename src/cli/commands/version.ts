import { Command } from 'commander';
import { productVersion } from '../product-version.ts';

export function versionCommand(): Command {
  return new Command('version')
    .description('Print the version of noisefleet and of the Node that runs it.')
    .addHelpText('after', '\nExample:\n  $ noisefleet version')
    .action(() => {
      process.stdout.write(`noisefleet ${productVersion()} (Node ${process.versions.node})\n`);
    });
}
