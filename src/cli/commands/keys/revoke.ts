import { Command } from 'commander';
import { systemClock } from '../../../telemetry/index.ts';
import { CliError } from '../../client/cli-error.ts';
import { type ClusterFlags, withClusterFlags } from '../../cluster/cluster-flags.ts';
import { executorName, type ObjectName, readExecutorObject } from '../../cluster/executor-object.ts';
import { openCluster } from '../../cluster/open-cluster.ts';
import { EXIT, UsageError } from '../../exit.ts';
import { progressBar } from '../../keys/progress-bar.ts';
import { askRevocation, whoAsks } from '../../keys/request.ts';
import {
  followRevocation,
  keyToRevoke,
  type Revocation,
  revocationDocument,
  revocationText,
} from '../../keys/revocation.ts';
import { documentIn, outputFlag } from '../../output/output-format.ts';
import { stopRequest } from '../../serve.ts';
import { type WaitFlags, waitFlags } from '../../wait-flags.ts';

interface RevokeFlags extends ClusterFlags, WaitFlags {
  readonly key?: string;
  readonly reason?: string;
  readonly output?: 'json' | 'yaml';
}

/** Most have cut in seconds; a pod may have to start first. */
const TIMEOUT = '15m';

export function revokeCommand(): Command {
  const command = new Command('revoke')
    .description('Refuse one key of an executor from now on: its streams are cut, and another key is made meanwhile.')
    .argument('<executor>', 'NAME or NAMESPACE/NAME')
    .argument('[key]', 'its id, as --key says it too')
    .option('--key <id>', 'its id, such as k3: noisefleet keys EXECUTOR has them')
    .option('--reason <text>', 'for the history of keys; needed')
    .addOption(outputFlag('json', 'yaml'))
    .addHelpText(
      'after',
      `
Needs the role noisefleet-key-revoker, or noisefleet-edit, in the namespace. Sessions under that key end, with their processes.
Without --wait it ends when the key is refused. Exit code: 0 done, 3 when somebody was not heard from in time.

Example:
  $ noisefleet revoke build -n team-a --key k3 --reason "laptop lost" --wait`,
    )
    .action(revoke);
  return withClusterFlags(waitFlags(command, 'until everybody has cut, and Secret and store are clean', TIMEOUT));
}

async function revoke(name: string, given: string | undefined, flags: RevokeFlags): Promise<void> {
  const { reason, key = given } = flags;
  if (key === undefined) throw new UsageError('which key? --key k3 says it:  noisefleet keys EXECUTOR has them');
  if (given !== undefined && given !== key) throw new UsageError(`two keys are named, ${given} and ${key}: revoke one`);
  if (!reason?.trim()) throw new UsageError('--reason is missing: history keeps why');
  const cluster = await openCluster(flags);
  try {
    const { api } = cluster;
    const ref = executorName(name, flags.namespace ?? cluster.namespace);
    if (keyToRevoke(await readExecutorObject(api, ref), key).state !== 'Revoked') {
      await askRevocation(api, ref, key, { requestedBy: await whoAsks(api), reason });
    }
    await follow(api, ref, key, flags);
  } finally {
    await cluster.close();
  }
}

async function follow(
  api: Parameters<typeof followRevocation>[0],
  ref: ObjectName,
  key: string,
  { wait, timeout, output }: RevokeFlags,
): Promise<void> {
  const isDone = ({ recorded, complete }: Revocation) => (wait ? complete : recorded);
  const stopping = new AbortController();
  void stopRequest().then(() => stopping.abort());
  const timer = systemClock.after(timeout, () => stopping.abort());
  const bar = progressBar(process.stderr, (text) => process.stdout.write(text));
  const last = await followRevocation(api, ref, key, {
    ...{ clock: systemClock, signal: stopping.signal, until: isDone },
    tell: (revocation) => bar.draw(revocationText(revocation)),
  }).finally(() => {
    timer.cancel();
    bar.end();
  });
  if (last === undefined) {
    throw new CliError(`${ref.namespace}/${ref.name} was deleted, or ${key} is no longer remembered`, {
      code: 'not_found',
    });
  }
  const text = output === undefined ? `${revocationText(last)}\n` : documentIn(output, revocationDocument(ref, last));
  process.stdout.write(text);
  if (!isDone(last)) process.exitCode = EXIT.notReady;
}
