import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { RPC_CODES, RpcError, type SandboxRequest, sandboxRequest } from '../../wire/index.ts';
import { parseTextPathUri } from '../files/path-uri.ts';
import type { Gate } from './gate.ts';
import type { SandboxMember } from './policy.ts';

export type FileAccess = 'read' | 'write' | 'deny';

export interface Rule {
  /** Real as far as it exists. */
  readonly path: string;
  readonly access: FileAccess;
  readonly exists: boolean;
  /** What the client wants when it does not exist. */
  readonly skipMissing: boolean;
}

/** What a request may do, with every path resolved. */
export interface Permissions {
  /** Undefined: any file. */
  readonly files: readonly Rule[] | undefined;
  readonly network: boolean;
}

/** What programs need to start at all; the `minimal` of a request. */
export const MINIMAL_PATHS = ['/bin', '/sbin', '/usr', '/lib', '/lib32', '/lib64', '/libx32', '/etc', '/nix/store'];

type Managed = Extract<SandboxRequest['permissions'], { type: 'managed' }>;
type FileEntry = Extract<Managed['file_system'], { type: 'restricted' }>['entries'][number];

/** @throws RpcError -32602: a form that is not known must not be taken for one that is */
export function parseSandbox(sandbox: NonNullable<SandboxMember>): SandboxRequest {
  const parsed = sandboxRequest.safeParse(sandbox);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.slice(0, 3).map(({ path, code }) => `${path.join('.')}: ${code}`);
  throw new RpcError(RPC_CODES.INVALID_PARAMS, `sandbox is not understood (${places.join(', ')}), and is not ignored`);
}

/** @throws RpcError -32600 for what cannot be enforced, -32602 for a bad path */
export async function resolvePermissions(
  request: SandboxRequest,
  environment: { TMPDIR?: string | undefined },
): Promise<Permissions> {
  const { permissions } = request;
  switch (permissions.type) {
    case 'disabled':
      return { files: undefined, network: true };
    case 'external':
      return { files: undefined, network: permissions.network !== 'restricted' };
    case 'managed': {
      const network = permissions.network === 'enabled';
      if (permissions.file_system.type === 'unrestricted') return { files: undefined, network };
      const rules = await Promise.all(
        permissions.file_system.entries.map((entry) => resolveEntry(entry, request, environment)),
      );
      return { files: rules.flat(), network };
    }
  }
}

/** The access to a real path: that of the rule nearest to it, of several for one path the strictest, except that write includes read. */
export function accessTo(rules: readonly Rule[], path: string): FileAccess {
  let nearest: Rule | undefined;
  for (const rule of rules) {
    if (!isWithin(path, rule.path)) continue;
    const longer = rule.path.length - (nearest?.path.length ?? -1);
    if (longer > 0 || (longer === 0 && RANK[rule.access] > RANK[nearest?.access ?? 'read'])) nearest = rule;
  }
  return nearest?.access ?? 'deny';
}

const RANK = { read: 0, write: 1, deny: 2 } satisfies Record<FileAccess, number>;

/**
 * The gate of `fs/*`. `/proc` is closed: what is there under our own name belongs to us and not to a sandboxed command, which has a
 * `/proc` of its own.
 */
export function gateOf({ files }: Permissions): Gate {
  if (!files) return { restricted: false, check: () => undefined };
  const rules = [...files, { path: '/proc', access: 'deny', exists: true, skipMissing: false } satisfies Rule];
  return {
    restricted: true,
    check(realPath, need) {
      const access = accessTo(rules, realPath);
      if (access === 'write' || (access === 'read' && need === 'read')) return;
      throw new RpcError(
        RPC_CODES.INVALID_REQUEST,
        `the sandbox of this request does not allow to ${need} ${realPath}`,
      );
    },
  };
}

export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

async function resolveEntry(
  entry: FileEntry,
  request: SandboxRequest,
  environment: { TMPDIR?: string | undefined },
): Promise<Rule[]> {
  const skipMissing = entry.missing_path_behavior === 'skip';
  const paths = pathsOf(entry, request, environment);
  return Promise.all(paths.map(async (path) => ({ ...(await resolveReal(path)), access: entry.access, skipMissing })));
}

function pathsOf({ path }: FileEntry, request: SandboxRequest, environment: { TMPDIR?: string | undefined }): string[] {
  switch (path.type) {
    case 'path':
      return [parseTextPathUri(path.path)];
    case 'glob_pattern':
      throw new RpcError(
        RPC_CODES.INVALID_REQUEST,
        'sandbox entries by glob_pattern cannot be enforced: what they match changes while a command runs. Name paths instead',
      );
    case 'special':
      return specialPaths(path.value.kind, request, environment).map((base) => below(base, path.value.subpath ?? ''));
  }
}

type SpecialKind = Extract<FileEntry['path'], { type: 'special' }>['value']['kind'];

function specialPaths(
  kind: SpecialKind,
  request: SandboxRequest,
  environment: { TMPDIR?: string | undefined },
): string[] {
  switch (kind) {
    case 'root':
      return ['/'];
    case 'minimal':
      return MINIMAL_PATHS;
    case 'slash_tmp':
      return ['/tmp'];
    case 'tmpdir':
      return environment.TMPDIR !== undefined && isAbsolute(environment.TMPDIR) ? [environment.TMPDIR] : [];
    case 'project_roots': {
      const roots = request.workspaceRoots ?? [];
      const cwd = request.cwd ?? undefined;
      return (roots.length > 0 ? roots : cwd === undefined ? [] : [cwd]).map(parseTextPathUri);
    }
  }
}

function below(base: string, subpath: string): string {
  if (isAbsolute(subpath) || subpath.split('/').includes('..')) {
    throw new RpcError(RPC_CODES.INVALID_PARAMS, 'sandbox: subpath must be relative and stay below its base');
  }
  return join(base, subpath).replace(/(.)\/$/, '$1');
}

async function resolveReal(path: string): Promise<{ path: string; exists: boolean }> {
  try {
    return { path: await realpath(path), exists: true };
  } catch {
    if (path === '/') return { path, exists: true };
    const parent = await resolveReal(dirname(path));
    return { path: join(parent.path, path.slice(path.lastIndexOf('/') + 1)), exists: false };
  }
}
