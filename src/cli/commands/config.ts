import { Command } from 'commander';
import { type ClusterFlags, withClusterFlags } from '../cluster/cluster-flags.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { parseConnectionFile } from '../connection/connection-file.ts';
import { parseObjectName } from '../connection/environment.ts';
import { connectionFileOf } from '../connection/export.ts';
import { type AddressType, addressFlag } from '../connection/flags.ts';
import { readRelayObject } from '../connection/relay-address.ts';
import { UsageError } from '../exit.ts';
import { collect } from '../flags.ts';
import { documentIn } from '../output/output-format.ts';

interface ExportFlags extends ClusterFlags {
  readonly for?: readonly string[];
  readonly serviceAccount?: string;
  readonly tokenFile?: string;
  readonly address?: AddressType;
}

const HEAD =
  '# Where a registry is, for the noisefleet command line: ~/.config/noisefleet/config.yaml. It holds no secret.\n';

export function configCommand(): Command {
  return new Command('config')
    .description('Connection files: where registries are, for people and jobs that may not read Relays.')
    .addCommand(exportCommand())
    .addHelpText('after', '\nExample:\n  $ noisefleet config export main -n agents > config.yaml');
}

function exportCommand(): Command {
  const command = new Command('export')
    .description('Print a connection file for the environments behind a Relay. Needs the right to read that Relay.')
    .argument('<relay>', 'NAME or NAMESPACE/NAME')
    .option(
      '--for <environment>',
      'NAMESPACE/NAME, NAMESPACE/* or *; may be repeated (default: what the Relay allows)',
      collect((text) => text),
    )
    .option('--service-account <name>', 'NAMESPACE/NAME that clients connect as, unless they say otherwise')
    .option('--token-file <file>', 'where clients find their token instead, as a projected volume has it')
    .addOption(addressFlag())
    .addHelpText(
      'after',
      '\nExamples:\n  $ noisefleet config export main -n agents --service-account team-a/dev > config.yaml\n  $ noisefleet config export main -n agents --address internal --token-file /var/run/secrets/noisefleet/token',
    )
    .action(exportFile);
  return withClusterFlags(command);
}

async function exportFile(relay: string, flags: ExportFlags): Promise<void> {
  const cluster = await openCluster(flags);
  try {
    const { for: environments, ...rest } = flags;
    const object = await readRelayObject(cluster.api, relayName(relay, flags.namespace ?? cluster.namespace));
    const file = connectionFileOf(object, { ...rest, ...(environments !== undefined && { environments }) });
    const text = HEAD + documentIn('yaml', file);
    parseConnectionFile(text, 'what was asked for'); // flags are checked by the rules of the file
    process.stdout.write(text);
  } finally {
    await cluster.close();
  }
}

function relayName(text: string, namespace: string) {
  try {
    return parseObjectName(text, namespace);
  } catch (cause) {
    throw new UsageError(`"${text}" names no Relay: write NAME or NAMESPACE/NAME`, { cause });
  }
}
