import type { Dirent } from 'node:fs';
import { lstat, mkdir, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ExecResult, MAX_DIRECTORY_ENTRIES } from '../../wire/index.ts';
import { type Access, withExisting, withName } from './anchor.ts';
import { errnoOf, invalidRequest } from './errors.ts';
import { type NativePath, nativePath } from './path-uri.ts';

const SLASH = Buffer.from('/');

export interface Child {
  readonly name: NativePath;
  readonly path: NativePath;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
}

export function childPath(directory: NativePath, name: NativePath): NativePath {
  if (typeof directory === 'string' && typeof name === 'string')
    return directory === '/' ? `/${name}` : `${directory}/${name}`;
  return Buffer.concat([Buffer.from(directory), SLASH, Buffer.from(name)]);
}

/** What is in a directory, by name. */
export async function listDirectory(path: NativePath, access: Access): Promise<Child[]> {
  const entries = await withExisting(path, 'read', access, (place) =>
    readdir(place.path, { withFileTypes: true, encoding: 'buffer' }),
  );
  return entries
    .sort((one, other) => Buffer.compare(one.name, other.name))
    .map((entry) => {
      const name = nativePath(entry.name);
      return { name, path: childPath(path, name), kind: kindOf(entry) };
    });
}

/** @throws RpcError -32600 for more entries than one answer holds */
export async function readDirectory(path: NativePath, access: Access): Promise<ExecResult<'fs/readDirectory'>> {
  const children = await listDirectory(path, access);
  if (children.length > MAX_DIRECTORY_ENTRIES) {
    throw invalidRequest(`the directory has more than ${MAX_DIRECTORY_ENTRIES} entries: list it by fs/walk`);
  }
  const entries: ExecResult<'fs/readDirectory'>['entries'] = [];
  for (const child of children) {
    const kind = child.kind === 'link' ? await kindBehind(child.path, access) : child.kind;
    if (kind === undefined) continue;
    entries.push({ fileName: child.name.toString(), isDirectory: kind === 'directory', isFile: kind === 'file' });
  }
  return { entries };
}

/** What a link leads to; undefined where that is nothing, or nothing that may be seen: such links are left out (as a real executor does). */
export async function kindBehind(path: NativePath, access: Access): Promise<Child['kind'] | undefined> {
  try {
    const stats = await withExisting(path, 'read', { ...access, followSymlinks: true }, (place) => stat(place.path));
    return kindOf(stats);
  } catch {
    return undefined;
  }
}

export async function createDirectory(path: NativePath, recursive: boolean, access: Access): Promise<void> {
  if (!recursive) {
    await withName(path, 'write', access, (place) => mkdir(place.path));
    return;
  }
  if (!access.gate.restricted && access.followSymlinks) {
    await mkdir(path, { recursive: true });
    return;
  }
  await createAnchored(path, access);
}

/** Each directory on the way is looked up and checked for itself. */
async function createAnchored(path: NativePath, access: Access): Promise<void> {
  if (await isDirectory(path, access)) return;
  const parent = dirname(path.toString());
  if (parent !== path) await createAnchored(parent, access);
  await withName(path, 'write', access, (place) => mkdir(place.path));
}

async function isDirectory(path: NativePath, access: Access): Promise<boolean> {
  // To pass through a directory is not to read it.
  const passing = { ...access, gate: { restricted: access.gate.restricted, check: () => undefined } };
  try {
    return (await withExisting(path, 'read', passing, (place) => stat(place.path))).isDirectory();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

export interface RemoveOptions {
  recursive: boolean;
  /** A missing path is fine. */
  force: boolean;
}

/** Never follows a link at `path`: the link goes, not what it leads to. */
export async function remove(path: NativePath, { recursive, force }: RemoveOptions, access: Access): Promise<void> {
  try {
    const stats = await withName(path, 'write', access, (place) => lstat(place.path));
    if (!stats.isDirectory()) await withName(path, 'write', access, (place) => unlink(place.path));
    else if (!recursive) await withName(path, 'write', access, (place) => rmdir(place.path));
    else if (access.gate.restricted) await removeTree(path, access);
    else await withName(path, 'write', access, (place) => rm(place.path, { recursive: true }));
  } catch (error) {
    if (!force || errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** As `rm -r`, with a check for each name: below a directory that may be written can be one that may not. */
async function removeTree(path: NativePath, access: Access): Promise<void> {
  for (const child of await listDirectory(path, { ...access, followSymlinks: false })) {
    if (child.kind === 'directory') await removeTree(child.path, access);
    else await withName(child.path, 'write', access, (place) => unlink(place.path));
  }
  await withName(path, 'write', access, (place) => rmdir(place.path));
}

function kindOf(entry: Pick<Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'>): Child['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
