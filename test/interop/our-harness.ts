import { text } from 'node:stream/consumers';
import { Harness, type RemoteProcess } from '../../src/harness/index.ts';
import { parseEnvironmentId } from '../../src/wire/index.ts';
import type { Fleet } from './fleet.ts';

/** A session of our own client with an executor of the fleet; the credential is read anew for each request. */
export function connectHarness(fleet: Fleet, environment: string): Promise<Harness> {
  const id = `default_${environment}`;
  return Harness.connect({
    environmentId: parseEnvironmentId(id),
    registryUrl: fleet.ready().registry,
    credential: async () => fleet.ready().environments[id]?.clientToken ?? '',
  });
}

/** A process that prints `lines` numbered lines, one each `pauseSeconds`. */
export function startCounting(harness: Harness, lines: number, pauseSeconds: number): Promise<RemoteProcess> {
  const script = `for i in $(seq 1 ${lines}); do echo "line $i"; sleep ${pauseSeconds}; done`;
  return harness.exec({ argv: ['/bin/sh', '-c', script] });
}

/** All that `startCounting` prints. */
export function counted(lines: number): string {
  return Array.from({ length: lines }, (_, index) => `line ${index + 1}\n`).join('');
}

/** Everything that a process printed, once it ended. */
export async function outputOf(remote: RemoteProcess): Promise<string> {
  remote.stderr.resume();
  return text(remote.stdout);
}
