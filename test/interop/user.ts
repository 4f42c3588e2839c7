import { type SpawnOptions, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A numeric user without an account, as containers run their processes. */
const UNPRIVILEGED_ID = 10_001;

const isRoot = process.getuid?.() === 0;

/** Command and arguments that run `command` without privileges: dropped when the tests run as root, else as they are. */
export function withoutPrivileges(command: readonly string[]): readonly string[] {
  if (!isRoot) return command;
  const id = String(UNPRIVILEGED_ID);
  return ['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--no-new-privs', '--', ...command];
}

/**
 * The same, on a host of its own as far as files and its name tell: `privatePath` is an empty file system there, and the
 * host name is `hostname`. What ran inside is known by both.
 */
export function onAnotherHost(hostname: string, privatePath: string, command: readonly string[]): readonly string[] {
  const owner = isRoot ? `,uid=${UNPRIVILEGED_ID},gid=${UNPRIVILEGED_ID}` : '';
  const prepare = `mount -t tmpfs -o mode=0700${owner} tmpfs "$1" && hostname "$2" && shift 2 && exec "$@"`;
  const namespaces = isRoot ? ['--mount', '--uts'] : ['--user', '--map-root-user', '--mount', '--uts'];
  return ['unshare', ...namespaces, 'sh', '-c', prepare, 'sh', privatePath, hostname, ...withoutPrivileges(command)];
}

/** A scratch folder of the unprivileged user, 0700, removed by `remove`. */
export function scratchFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'noisefleet-interop-'));
  giveAway(path);
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Makes a folder of the unprivileged user. */
export function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  giveAway(path);
  return path;
}

/** Gives a file or folder to the unprivileged user. */
export function giveAway(path: string): void {
  if (isRoot) chownSync(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
}

/** A clean environment: nothing of the caller's credentials or Codex settings gets in. */
export function cleanEnvironment(home: string, extra: Record<string, string> = {}): SpawnOptions['env'] {
  return { PATH: process.env.PATH, HOME: home, TMPDIR: join(home, 'tmp'), LANG: 'C.UTF-8', USER: 'dev', ...extra };
}

/** @throws when the unprivileged user cannot read `path`: a checkout below a home directory, for example */
export function mustBeReadable(path: string): void {
  const [command = 'test', ...rest] = withoutPrivileges(['test', '-r', path]);
  if (spawnSync(command, rest).status === 0) return;
  throw new Error(`user ${UNPRIVILEGED_ID} cannot read ${path}: run these tests from a folder that is open to all`);
}
