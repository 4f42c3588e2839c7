import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { CodexRelease } from './codex.ts';
import { EXECUTOR_HOST, type Fleet } from './fleet.ts';
import { cleanEnvironment, makeFolder, onAnotherHost } from './user.ts';

/** What an executor's host needs to know of a fleet. */
export type HostOfFleet = Pick<Fleet, 'ready' | 'readyFile' | 'program' | 'scratch' | 'workspace'>;

/**
 * A real `codex exec-server --remote` on a host of its own, registered with nothing between it and the registry: the token
 * that it starts with is the one it keeps.
 */
export async function startRealExecutor(
  fleet: HostOfFleet,
  environment: string,
  release: CodexRelease,
): Promise<ChildProcess> {
  const { registry, environments } = fleet.ready();
  const id = `default_${environment}`;
  const token = environments[id]?.registrationToken;
  if (token === undefined) throw new Error(`${id} has no registration token`);
  const server = [release.binary, 'exec-server', '--remote', registry, '--environment-id', id];
  return startOnItsHost(fleet, server, { CODEX_API_KEY: token });
}

/** The same through `noisefleet join`, which renews the token and starts its child again. */
export async function joinRealExecutor(
  fleet: HostOfFleet,
  environment: string,
  release: CodexRelease,
): Promise<ChildProcess> {
  const join = [...fleet.program, 'join', environment, '--', release.binary, 'exec-server'];
  return startOnItsHost(fleet, join, { NOISEFLEET_READY_FILE: fleet.readyFile });
}

function startOnItsHost(fleet: HostOfFleet, command: readonly string[], env: Record<string, string>): ChildProcess {
  const home = makeFolder(join(fleet.scratch, 'executor-home'));
  makeFolder(join(home, 'tmp'));
  const [file = '', ...args] = onAnotherHost(EXECUTOR_HOST, fleet.workspace, command);
  const environment = cleanEnvironment(home, { CODEX_HOME: home, ...env });
  const child = spawn(file, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(fleet.scratch, 'real-executor.log'), { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return child;
}
