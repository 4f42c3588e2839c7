import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { places } from '../../cluster/places.ts';

/**
 * The kubelet of a node does nothing while `meanwhile` goes on: it sees no Secret, starts and ends no pod, and answers no `kubectl exec`. What
 * runs on its node goes on.
 */
export async function whileKubeletStands(node: string, meanwhile: () => Promise<void>): Promise<void> {
  const pid = Number(readFileSync(join(places().state, node, 'run/kubelet.pid'), 'utf8'));
  process.kill(pid, 'SIGSTOP');
  try {
    await meanwhile();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
