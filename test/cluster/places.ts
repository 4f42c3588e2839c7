import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the cluster keeps things. `scripts/lib.sh` reads the first two from the environment and derives the rest alike. */
export interface Places {
  /** Programs, images and step logs: worth keeping between runs and on CI. */
  readonly cache: string;
  /** Everything of the running cluster; `down` removes it. */
  readonly state: string;
  /** Links to the programs of this checkout. */
  readonly bin: string;
  /** Output of each step, one file a step. */
  readonly logs: string;
  readonly kubeconfig: string;
}

export function places(environment: NodeJS.ProcessEnv = process.env): Places {
  const cache =
    environment.NOISEFLEET_CLUSTER_CACHE ??
    join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'noisefleet/cluster');
  const state =
    environment.NOISEFLEET_CLUSTER_STATE ??
    join(environment.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'noisefleet/cluster');
  return { cache, state, bin: join(cache, 'bin'), logs: join(cache, 'log'), kubeconfig: join(state, 'kubeconfig') };
}

/** The kubeconfig of a cluster that the user brought, or undefined: then ours is used. */
export function usersKubeconfig(here: Places, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = environment.KUBECONFIG;
  // `up` prints an export of ours: with it set, `down` must still mean our cluster.
  return given === undefined || given === '' || given === here.kubeconfig ? undefined : given;
}
