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
    // The nsenter that started it stops with its child, and a node whose processes nobody reaps would not end.
    process.kill(parentOf(pid), 'SIGCONT');
  }
}

/** The fourth field of `/proc/PID/stat`; the second is a name in brackets, in which there may be anything. */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
