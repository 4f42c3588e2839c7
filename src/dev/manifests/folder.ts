import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestFile } from '../../api/index.ts';
import { DevError } from '../errors.ts';
import { hasCode } from '../state/atomic-file.ts';

const EXTENSIONS = ['.yaml', '.yml', '.json'];

/**
 * The manifests of a folder in the order of their names, folders inside it not included; editors' hidden files are skipped.
 *
 * @throws DevError `folder_unreadable`
 */
export function readManifestFolder(folder: string): ManifestFile[] {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (cause) {
    throw new DevError('folder_unreadable', `cannot read the folder of manifests ${folder}`, { cause });
  }
  const files: ManifestFile[] = [];
  for (const name of names) {
    if (name.startsWith('.') || !EXTENSIONS.some((extension) => name.endsWith(extension))) continue;
    const text = readIfThere(join(folder, name));
    if (text !== undefined) files.push({ file: join(folder, name), text });
  }
  return files;
}

/** Undefined for what vanished since it was listed, and for a folder with such a name. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EISDIR')) return undefined;
    throw error;
  }
}
