import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DevError } from '../errors.ts';

/** Where everything of one `dev` lies. Only its user can enter (0700), and every file in it is 0600. */
export interface StateLayout {
  readonly root: string;
  readonly lock: string;
  readonly readyFile: string;
  readonly processesFile: string;
  readonly directoryFile: string;
  readonly ticketKeysFile: string;
  readonly presenceSecretFile: string;
  readonly portsFile: string;
  readonly tokensFile: string;
  readonly logs: string;
  executor(environmentId: string): ExecutorLayout;
}

export interface ExecutorLayout {
  readonly root: string;
  readonly tokenFile: string;
  readonly keys: string;
  /** What is known of its keys, as `status` of an Executor has it. */
  readonly statusFile: string;
  /** What the release before knew of them. */
  readonly rotationFile: string;
  /** The sidecar's own: sessions, the exec-server's token and its digest. */
  readonly sidecar: string;
  readonly execServerDigest: string;
  readonly spill: string;
}

export function defaultStateRoot(environment: NodeJS.ProcessEnv): string {
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'noisefleet', 'dev');
}

export function stateLayout(root: string): StateLayout {
  return {
    root,
    lock: join(root, 'lock'),
    readyFile: join(root, 'ready.json'),
    processesFile: join(root, 'processes.json'),
    directoryFile: join(root, 'directory.json'),
    ticketKeysFile: join(root, 'ticket-keys.json'),
    presenceSecretFile: join(root, 'presence-secret'),
    portsFile: join(root, 'ports.json'),
    tokensFile: join(root, 'tokens.json'),
    logs: join(root, 'logs'),
    executor(environmentId) {
      const own = join(root, 'executors', environmentId);
      const sidecar = join(own, 'sidecar');
      return {
        root: own,
        tokenFile: join(own, 'token'),
        keys: join(own, 'keys'),
        statusFile: join(own, 'status.json'),
        rotationFile: join(own, 'rotation.json'),
        sidecar,
        execServerDigest: join(sidecar, 'exec-server-token.sha256'),
        spill: join(own, 'spill'),
      };
    },
  };
}

/**
 * Makes a directory that only this user can enter. An existing one is narrowed to 0700.
 *
 * @throws DevError `state_directory_unsafe` when it belongs to somebody else or is not a directory
 */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  if (!lstatSync(path).isDirectory() || (process.getuid !== undefined && uid !== process.getuid())) {
    throw new DevError(
      'state_directory_unsafe',
      `${path} must be a directory of your own, since secrets lie in it. Choose another with --state-dir.`,
    );
  }
  if ((mode & 0o077) !== 0) chmodSync(path, 0o700);
}
