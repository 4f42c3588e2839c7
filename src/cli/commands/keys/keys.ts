import { Command } from 'commander';
import { type ClusterFlags, withClusterFlags } from '../../cluster/cluster-flags.ts';
import { executorName, readExecutorObject } from '../../cluster/executor-object.ts';
import { openCluster } from '../../cluster/open-cluster.ts';
import { UsageError } from '../../exit.ts';
import { historyDocument, historyText } from '../../keys/history.ts';
import { documentIn, type OutputFormat, outputFlag } from '../../output/output-format.ts';

interface KeysFlags extends ClusterFlags {
  readonly output?: Exclude<OutputFormat, 'table' | 'name'>;
}

const HISTORY = 'history';

export function keysCommand(): Command {
  const command = new Command('keys')
    .description('Show the keys of an executor: how they stand, and with "history" all that is remembered.')
    .argument('[history]', 'also those that serve no more')
    .argument('[executor]', 'NAME or NAMESPACE/NAME')
    .addOption(outputFlag('json', 'yaml', 'wide'))
    .addHelpText(
      'after',
      '\nNeeds noisefleet-view. BY is proven by the API server unless it says (unverified).\n\nExamples:\n  $ noisefleet keys build -n team-a\n  $ noisefleet keys history build -n team-a -o wide',
    )
    .action(showKeys);
  return withClusterFlags(command);
}

async function showKeys(first: string | undefined, second: string | undefined, flags: KeysFlags): Promise<void> {
  if (first === undefined) throw new UsageError('name an executor');
  if (second !== undefined && first !== HISTORY) throw new UsageError(`write: keys ${HISTORY} ${second}`);
  // An executor of that name has no other way to be named than with its namespace.
  if (first === HISTORY && second === undefined) throw new UsageError('name an executor, such as NAMESPACE/history');
  const cluster = await openCluster(flags);
  try {
    const executor = await readExecutorObject(
      cluster.api,
      executorName(second ?? first, flags.namespace ?? cluster.namespace),
    );
    const all = second !== undefined;
    const { output } = flags;
    process.stdout.write(
      output === 'json' || output === 'yaml'
        ? documentIn(output, historyDocument(executor, all))
        : historyText(executor, { all, wide: output === 'wide', now: Date.now() }),
    );
  } finally {
    await cluster.close();
  }
}
