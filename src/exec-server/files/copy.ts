import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readlink, realpath, symlink } from 'node:fs/promises';
import { MAX_COPY_ENTRIES } from '../limits.ts';
import { type Access, withExisting, withName, withTarget } from './anchor.ts';
import { childPath, listDirectory } from './directories.ts';
import { errnoOf, invalidRequest } from './errors.ts';
import type { NativePath } from './path-uri.ts';

interface Copying {
  readonly access: Access;
  entries: number;
}

/** Files, links as links, and with `recursive` directories into one another (contract §9.4). */
export async function copy(
  source: NativePath,
  destination: NativePath,
  recursive: boolean,
  access: Access,
): Promise<void> {
  const stats = await lookAt(source, access);
  if (stats.isDirectory()) {
    if (!recursive) throw invalidRequest('fs/copy requires recursive: true when sourcePath is a directory');
    await refuseInto(source, destination);
  }
  await copyEntry(source, destination, { access, entries: 0 });
}

async function copyEntry(source: NativePath, destination: NativePath, copying: Copying): Promise<void> {
  const { access } = copying;
  copying.entries++;
  if (copying.entries > MAX_COPY_ENTRIES) throw invalidRequest(`fs/copy copies at most ${MAX_COPY_ENTRIES} entries`);
  const stats = await lookAt(source, access);
  if (stats.isSymbolicLink()) {
    const target = await withName(source, 'read', access, (place) => readlink(place.path, { encoding: 'buffer' }));
    await withName(destination, 'write', access, (place) => symlink(target, place.path));
  } else if (stats.isDirectory()) {
    await makeDirectory(destination, access);
    for (const child of await listDirectory(source, access)) {
      await copyEntry(child.path, childPath(destination, child.name), copying);
    }
  } else if (stats.isFile()) {
    await copyContents(source, destination, access);
  } else {
    throw invalidRequest('fs/copy only supports regular files, directories, and symlinks');
  }
}

function copyContents(source: NativePath, destination: NativePath, access: Access): Promise<void> {
  return withExisting(source, 'read', access, (from) =>
    withTarget(destination, access, (to, creation) =>
      copyFile(from.path, to.path, creation === 'must' ? constants.COPYFILE_EXCL : 0),
    ),
  );
}

async function makeDirectory(path: NativePath, access: Access): Promise<void> {
  try {
    await withName(path, 'write', access, (place) => mkdir(place.path));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    // Into a directory that is there, as `cp -rT` does; into anything else not.
    const stats = await withName(path, 'write', access, (place) => lstat(place.path));
    if (!stats.isDirectory()) throw error;
  }
}

/** A copy into itself would not end. */
async function refuseInto(source: NativePath, destination: NativePath): Promise<void> {
  const from = await realpath(source);
  const to = await nearestReal(destination.toString());
  if (to === from || to.startsWith(`${from}/`)) {
    throw invalidRequest('fs/copy cannot copy a directory to itself or one of its descendants');
  }
}

/** The real path of what exists of `path`, and the rest as text. */
async function nearestReal(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const cut = path.lastIndexOf('/');
    if (cut < 0 || path === '/') return path;
    return `${await nearestReal(path.slice(0, cut) || '/')}/${path.slice(cut + 1)}`.replace('//', '/');
  }
}

function lookAt(path: NativePath, access: Access) {
  return withName(path, 'read', access, (place) => lstat(place.path));
}
