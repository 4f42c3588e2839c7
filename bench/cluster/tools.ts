import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { places, usersKubeconfig } from '../../test/cluster/places.ts';

export const ROOT = dirname(dirname(import.meta.dirname));

/** Lists of thousands of objects. */
const MOST_OUTPUT_BYTES = 512 * 1024 * 1024;

/** A real API server with its etcd: the user's cluster (KUBECONFIG), else that of `npm run cluster`. */
export interface ClusterTools {
  readonly kubeconfig: string;
  /** True for the cluster of `npm run cluster`: images can be loaded into it. */
  readonly ours: boolean;
  /** @returns stdout. @throws with what kubectl said */
  kubectl(...args: readonly string[]): Promise<string>;
  /** As `kubectl`, with text for its standard input. */
  send(input: string, ...args: readonly string[]): Promise<string>;
  helm(...args: readonly string[]): Promise<string>;
}

/** The cluster that is up, or why there is none. */
export async function findCluster(): Promise<ClusterTools | { readonly unavailable: string }> {
  const here = places();
  const given = usersKubeconfig(here);
  const ours = given === undefined;
  const kubeconfig = given ?? here.kubeconfig;
  if (ours && !existsSync(kubeconfig)) return { unavailable: 'no cluster is up: npm run cluster -- up, as root' };
  const program = (name: string) => (ours ? join(here.bin, name) : name);
  const tools = toolsOf({ kubeconfig, ours, kubectl: program('kubectl'), helm: program('helm') });
  try {
    await tools.kubectl('get', '--raw', '/readyz');
    return tools;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { unavailable: `the API server does not answer: ${reason.split('\n')[1] ?? reason}` };
  }
}

/** `npm run cluster -- ARGUMENTS`. */
export function clusterCommand(...args: readonly string[]): void {
  execFileSync(process.execPath, [join(ROOT, 'test/cluster/cluster.ts'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

interface Programs {
  readonly kubeconfig: string;
  readonly ours: boolean;
  readonly kubectl: string;
  readonly helm: string;
}

function toolsOf({ kubeconfig, ours, kubectl, helm }: Programs): ClusterTools {
  const run = (program: string, args: readonly string[], input = ''): Promise<string> => {
    const calling = promisify(execFile)(program, ['--kubeconfig', kubeconfig, ...args], {
      cwd: ROOT,
      maxBuffer: MOST_OUTPUT_BYTES,
    });
    calling.child.stdin?.end(input);
    return calling.then(({ stdout }) => stdout);
  };
  return {
    kubeconfig,
    ours,
    kubectl: (...args) => run(kubectl, args),
    send: (input, ...args) => run(kubectl, args, input),
    helm: (...args) => {
      if (ours) clusterCommand('build', 'helm');
      return run(helm, args);
    },
  };
}
