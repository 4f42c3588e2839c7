import { lstatSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { RPC_CODES, RpcError } from '../../wire/index.ts';
import { type Mounts, OWN_MOUNTS } from './bubblewrap.ts';
import { accessTo, isWithin, MINIMAL_PATHS, type Permissions, type Rule } from './permissions.ts';

/**
 * The permissions of a request as mounts: the root first, then each rule over what contains it, so that the nearest rule decides, as it
 * does in `accessTo`.
 *
 * @throws RpcError -32600 for what mounts cannot express
 */
export function mountsOf({ files, network }: Permissions): Mounts {
  if (!files) return { options: ['--bind', '/', '/', ...OWN_MOUNTS], network };
  const root = accessTo(files, '/');
  const rules = mountable(files);
  const base = root === 'deny' ? ['--tmpfs', '/'] : [root === 'write' ? '--bind' : '--ro-bind', '/', '/'];
  return {
    options: [
      ...base,
      ...OWN_MOUNTS,
      ...(root === 'deny' ? systemLinks(rules) : []),
      ...rules.flatMap((rule) => mountOf(rule)),
      // Made for mount points only: nothing else may be put there.
      ...(root === 'deny' ? ['--remount-ro', '/'] : []),
    ],
    network,
  };
}

/** One rule a path, outer ones first. */
function mountable(rules: readonly Rule[]): Rule[] {
  for (const rule of rules) refuseUnenforceable(rule, rules);
  const paths = new Map(rules.filter(({ path, exists }) => exists && path !== '/').map((rule) => [rule.path, rule]));
  return [...paths.values()]
    .map((rule) => ({ ...rule, access: accessTo(rules, rule.path) }))
    .sort((one, other) => one.path.length - other.path.length);
}

function refuseUnenforceable(rule: Rule, rules: readonly Rule[]): void {
  if (isWithin(rule.path, '/proc'))
    throw refused(`${rule.path} cannot be part of a sandbox, which has a /proc of its own`);
  // A mount needs something to be mounted on: a command could make what must not be written.
  const shields = rule.access !== 'write' && accessTo(rules, dirname(rule.path)) === 'write';
  if (!rule.exists && !rule.skipMissing && shields) {
    throw refused(
      `${rule.path} does not exist and can therefore not be kept from being written; create it or drop its entry`,
    );
  }
}

function mountOf({ path, access }: Rule): string[] {
  switch (access) {
    case 'read':
      return ['--ro-bind', path, path];
    case 'write':
      return ['--bind', path, path];
    case 'deny':
      if (!lstatSync(path).isDirectory()) return ['--ro-bind', '/dev/null', path];
      return ['--perms', '0000', '--tmpfs', path, '--remount-ro', path];
  }
}

/** Where `/bin` is a link to `/usr/bin`, programs still name it so. */
function systemLinks(rules: readonly Rule[]): string[] {
  return MINIMAL_PATHS.flatMap((path) => {
    const target = linkTarget(path);
    const shown =
      target !== undefined && rules.some((rule) => rule.access !== 'deny' && isWithin(`/${target}`, rule.path));
    return shown ? ['--symlink', target, path] : [];
  });
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path).replace(/^\//, '');
  } catch {
    return undefined;
  }
}

function refused(why: string): RpcError {
  return new RpcError(RPC_CODES.INVALID_REQUEST, `the sandbox cannot be enforced: ${why}`);
}
