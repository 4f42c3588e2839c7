import { Command, InvalidArgumentError } from 'commander';
import { isDuration, toMilliseconds } from '../../api/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { type ClusterFlags, withClusterFlags } from '../cluster/cluster-flags.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { parseObjectName } from '../connection/environment.ts';
import { UsageError } from '../exit.ts';
import { type OperatingMode, setOperatingMode, waitForMode } from '../mode/operating-mode.ts';

interface ModeFlags extends ClusterFlags {
  readonly wait: boolean;
  readonly timeout: number;
}

/** An image may have to be pulled. */
const TIMEOUT = '5m';

/** Timers are of an hour at most. */
const MAX_TIMEOUT_MS = 3_600_000;

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
    .option('--wait', 'until it has happened', false)
    .option('--timeout <duration>', 'how long to wait, at most 1h', waitTime, waitTime(TIMEOUT))
    .action((names: readonly string[], flags: ModeFlags) => change(names, mode, flags));
  return withClusterFlags(command);
}

function waitTime(text: string): number {
  if (isDuration(text) && toMilliseconds(text) <= MAX_TIMEOUT_MS) return toMilliseconds(text);
  throw new InvalidArgumentError('Write a duration of at most an hour, such as 5m or 90s.');
}

async function change(names: readonly string[], mode: OperatingMode, flags: ModeFlags): Promise<void> {
  const cluster = await openCluster(flags);
  const { api } = cluster;
  const namespace = flags.namespace ?? cluster.namespace;
  const word = mode === 'Suspended' ? 'suspended' : 'resumed';
  try {
    const refs = names.map((name) => objectName(name, namespace));
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

function objectName(text: string, namespace: string) {
  try {
    return parseObjectName(text, namespace);
  } catch (cause) {
    throw new UsageError(`"${text}" names no Executor: write NAME or NAMESPACE/NAME`, { cause });
  }
}
