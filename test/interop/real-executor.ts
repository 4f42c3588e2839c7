import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { CodexRelease } from './codex.ts';
import { EXECUTOR_HOST, type Fleet } from './fleet.ts';
import { cleanEnvironment, makeFolder, onAnotherHost, readableByAll } from './user.ts';

/**
 * A real `codex exec-server --remote` on a host of its own, registered with nothing between it and the registry: the token
 * that it starts with is the one it keeps. `noisefleet join` is the other way, for hosts that live longer than a token.
 */
export async function startRealExecutor(
  fleet: Fleet,
  environment: string,
  release: CodexRelease,
): Promise<ChildProcess> {
  const { registry, environments } = fleet.ready();
  const id = `default_${environment}`;
  const token = environments[id]?.registrationToken;
  if (token === undefined) throw new Error(`${id} has no registration token`);

  const home = makeFolder(join(fleet.scratch, 'executor-home'));
  makeFolder(join(home, 'tmp'));
  const binary = readableByAll(release.binary, join(fleet.scratch, `codex-${release.version}`));
  const server = [binary, 'exec-server', '--remote', registry, '--environment-id', id];
  const [file = '', ...args] = onAnotherHost(EXECUTOR_HOST, fleet.workspace, server);
  const env = cleanEnvironment(home, { CODEX_API_KEY: token, CODEX_HOME: home });
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(fleet.scratch, 'real-executor.log'));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  return child;
}
