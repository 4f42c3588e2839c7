import { Argument, Command } from 'commander';
import { type ClusterFlags, withClusterFlags } from '../../cluster/cluster-flags.ts';
import { executorName, readExecutorObject } from '../../cluster/executor-object.ts';
import { openCluster } from '../../cluster/open-cluster.ts';
import { type Action, type Allowed, whoMayChangeKeys, whoMayConnect } from '../../keys/who-can.ts';
import { documentIn, outputFlag } from '../../output/output-format.ts';
import { printable } from '../../output/printable.ts';
import { table } from '../../output/table.ts';

interface WhoCanFlags extends ClusterFlags {
  readonly output?: 'json' | 'yaml';
}

export function whoCanCommand(): Command {
  const command = new Command('who-can')
    .description('Say who may connect to an executor, or rotate or revoke its keys, and by what.')
    .addArgument(new Argument('<action>', 'what they may').choices(['connect', 'rotate', 'revoke']))
    .argument('<executor>', 'NAME or NAMESPACE/NAME')
    .addOption(outputFlag('json', 'yaml'))
    .addHelpText(
      'after',
      `
connect reads the ExecutorGrants of the namespace; rotate and revoke read RBAC, which needs the right to: another authorizer
is not asked. Whoever may update the whole Executor may rotate and revoke too.

Example:
  $ noisefleet who-can rotate build -n team-a`,
    )
    .action(whoCan);
  return withClusterFlags(command);
}

async function whoCan(action: Action, name: string, flags: WhoCanFlags): Promise<void> {
  const cluster = await openCluster(flags);
  try {
    const { api } = cluster;
    const executor = await readExecutorObject(api, executorName(name, flags.namespace ?? cluster.namespace));
    const allowed = await (action === 'connect'
      ? whoMayConnect(api, executor, Date.now())
      : whoMayChangeKeys(api, executor, action));
    const { namespace, name: own } = executor.metadata;
    process.stdout.write(
      flags.output === undefined
        ? allowedText(allowed, `nobody may ${action} ${namespace}/${own}\n`)
        : documentIn(flags.output, { version: 1, action, namespace, name: own, allowed }),
    );
  } finally {
    await cluster.close();
  }
}

function allowedText(allowed: readonly Allowed[], none: string): string {
  if (allowed.length === 0) return none;
  const rows = allowed.map(({ kind, name, by, until }) => [kind, printable(name), by, until ?? '–']);
  return table([['KIND', 'NAME', 'BY', 'UNTIL'], ...rows]);
}
