import type { ClusterFlags } from '../cluster/cluster-flags.ts';
import { executors } from '../cluster/kinds.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { readConnectionFile } from '../connection/connection-file.ts';
import { environmentsHere } from '../connection/ready-file.ts';
import type { NameSource } from './candidates.ts';

/** Longer than this nobody waits for a key to do something. Milliseconds. */
const PATIENCE_MS = 2_000;

/** Executors that `noisefleet dev`, the connection file and the cluster tell of. What does not answer is left out. */
export const knownExecutors: NameSource = {
  async executors(flags) {
    const sources = [environmentsHere(process.env), fromConnectionFile(), fromCluster(flags)];
    const answers = await Promise.allSettled(sources);
    const names = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    return [...new Set(names)].sort();
  },
};

async function fromConnectionFile(): Promise<readonly string[]> {
  const file = await readConnectionFile(process.env.NOISEFLEET_CONFIG, process.env);
  return (file?.connections ?? []).flatMap(({ environments }) => environments).filter((name) => !name.includes('*'));
}

async function fromCluster(flags: ClusterFlags): Promise<readonly string[]> {
  const cluster = await openCluster(flags);
  try {
    const namespace = flags.namespace ?? cluster.namespace;
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const { items } = await cluster.api.list(executors, { namespace, signal });
    return items.map(({ metadata }) => metadata.name);
  } finally {
    await cluster.close();
  }
}
