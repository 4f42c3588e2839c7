import { lstat, realpath, stat } from 'node:fs/promises';
import type { ExecResult } from '../../wire/index.ts';
import { type Access, withExisting, withName } from './anchor.ts';
import type { NativePath } from './path-uri.ts';

/** Of what a link points to; `isSymlink` says that there was one (contract §9.4). */
export async function getMetadata(path: NativePath, access: Access): Promise<ExecResult<'fs/getMetadata'>> {
  const stats = await withExisting(path, 'read', access, (place) => stat(place.path));
  const isSymlink =
    access.followSymlinks && (await withName(path, 'read', access, (place) => lstat(place.path))).isSymbolicLink();
  return {
    isDirectory: stats.isDirectory(),
    isFile: stats.isFile(),
    isSymlink,
    size: stats.size,
    createdAtMs: Math.floor(stats.birthtimeMs),
    modifiedAtMs: Math.floor(stats.mtimeMs),
  };
}

export function canonicalize(path: NativePath, access: Access): Promise<NativePath> {
  return withExisting(path, 'read', access, async (place) => {
    if (place.real !== undefined) return place.real;
    return typeof path === 'string' ? realpath(path) : realpath(path, 'buffer');
  });
}
