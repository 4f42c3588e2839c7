import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { places, usersKubeconfig } from '../cluster/places.ts';

/** What every test file is told about the cluster. */
export interface ClusterAccess {
  readonly kubeconfig: string;
  readonly kubectl: string;
  /** True for the cluster of `npm run cluster`: images are loaded into it, and its daemons may be killed. */
  readonly ours: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    cluster: ClusterAccess;
  }
}

/**
 * Once, before all files: the user's cluster (KUBECONFIG), else ours, brought up where it is not. It stays up for the
 * next run; `npm run cluster -- down` takes it away.
 */
export default async function findCluster(project: TestProject): Promise<void> {
  const here = places();
  const given = usersKubeconfig(here);
  if (given === undefined) await bringUp();
  project.provide(
    'cluster',
    given === undefined
      ? { kubeconfig: here.kubeconfig, kubectl: join(here.bin, 'kubectl'), ours: true }
      : { kubeconfig: given, kubectl: 'kubectl', ours: false },
  );
}

async function bringUp(): Promise<void> {
  const program = join(import.meta.dirname, '../cluster/cluster.ts');
  const child = spawn(process.execPath, [program, 'up'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (exitCode !== 0) throw new Error('the test cluster did not come up: npm run cluster -- up');
}
