import { z } from 'zod';
import { cluster } from '../cluster-fixture.ts';
import type { Kubectl } from '../kubectl.ts';
import { RunningCommand } from './running-command.ts';

/** A command that runs for somebody, and what it started. */
export interface Work {
  readonly stream: RunningCommand;
  /** Runs as long as any of them does. */
  readonly processes: RunningCommand;
}

const executor = z.looseObject({
  metadata: z.object({ namespace: z.string() }),
  status: z.looseObject({ pod: z.object({ name: z.string() }) }),
});

/** Ends when none of the processes of its arguments is left; a zombie executes nothing any more. */
const WATCH = `
const { readFileSync } = require('node:fs');
const alive = (pid) => {
  try { return !readFileSync('/proc/' + pid + '/stat', 'utf8').includes(') Z '); } catch { return false; }
};
const pids = process.argv.slice(1);
console.log(pids.every(alive) ? 'watching' : 'none of them');
const look = setInterval(() => { if (!pids.some(alive)) clearInterval(look); }, 50);
`;

/** Watches processes in the workspace container of an executor, as an administrator of the cluster. Their ids are those in that container. */
export async function processesOf(kubectl: Kubectl, name: string, pids: readonly string[]): Promise<RunningCommand> {
  const { metadata, status } = executor.parse(await kubectl.get('executor', name));
  const exec = ['-n', metadata.namespace, 'exec', status.pod.name, '-c', 'workspace', '--'];
  const processes = new RunningCommand(cluster(), [...exec, 'node', '-e', WATCH, ...pids]);
  await processes.line(/^watching$/);
  return processes;
}
