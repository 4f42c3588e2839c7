import { Command } from 'commander';
import { systemClock } from '../../telemetry/index.ts';
import { type ClusterFlags, withClusterFlags } from '../cluster/cluster-flags.ts';
import { executorName } from '../cluster/executor-object.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { type OperatingMode, setOperatingMode, waitForMode } from '../mode/operating-mode.ts';
import { type WaitFlags, waitFlags } from '../wait-flags.ts';

interface ModeFlags extends ClusterFlags, WaitFlags {}

/** An image may have to be pulled. */
const TIMEOUT = '5m';

export function suspendCommand(): Command {
  return modeCommand('suspend', 'Suspended')
    .description('Take the pod of an executor away. Workspace on a volume, keys and identity are kept.')
    .addHelpText('after', '\nExample:\n  $ noisefleet suspend build -n team-a --wait');
}

export function resumeCommand(): Command {
  return modeCommand('resume', 'Running')
    .description('Give a suspended executor a pod again, with the workspace, keys and identity that it had.')
    .addHelpText('after', '\nExample:\n  $ noisefleet resume build -n team-a --wait');
}

function modeCommand(name: string, mode: OperatingMode): Command {
  const command = new Command(name)
    .argument('<executor...>', 'NAME or NAMESPACE/NAME')
    .action((names: readonly string[], flags: ModeFlags) => change(names, mode, flags));
  return withClusterFlags(waitFlags(command, 'until it has happened', TIMEOUT));
}

async function change(names: readonly string[], mode: OperatingMode, flags: ModeFlags): Promise<void> {
  const cluster = await openCluster(flags);
  const { api } = cluster;
  const namespace = flags.namespace ?? cluster.namespace;
  const word = mode === 'Suspended' ? 'suspended' : 'resumed';
  try {
    const refs = names.map((name) => executorName(name, namespace));
    await Promise.all(
      refs.map(async (ref) => {
        const since = await setOperatingMode(api, ref, mode);
        if (flags.wait) await waitForMode(api, ref, { mode, since, timeoutMs: flags.timeout, clock: systemClock });
        process.stdout.write(`executor ${ref.namespace}/${ref.name} ${word}\n`);
      }),
    );
  } finally {
    await cluster.close();
  }
}
