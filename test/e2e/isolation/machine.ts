import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { places } from '../../cluster/places.ts';

/** Processes of the machine that our cluster's nodes run on, by their command lines: those on nodes that nobody reaches are seen too. */
export function processesLike(pattern: RegExp): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pattern.test(commandLine(pid)));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
  } catch {
    return ''; // it has ended meanwhile
  }
}

/** What a container has logged, read on its node. */
export function logOnNode(
  node: string,
  { namespace, pod, container }: Record<'namespace' | 'pod' | 'container', string>,
): string {
  const logs = join(places().state, node, 'root/var/log/pods');
  const folder = readdirSync(logs).find((name) => name.startsWith(`${namespace}_${pod}_`));
  if (folder === undefined) throw new Error(`${node} has no log of ${namespace}/${pod}`);
  const files = readdirSync(join(logs, folder, container));
  return files.map((file) => readFileSync(join(logs, folder, container, file), 'utf8')).join('');
}
