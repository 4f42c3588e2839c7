import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Harness, RemoteFiles } from '../../harness/index.ts';
import { CliError } from '../client/cli-error.ts';
import { partsBelow } from './endpoint.ts';
import { type CopyOptions, counted } from './upload.ts';

/** Copies a file or a tree from the executor. A destination that is a directory gets the source's name in it. */
export async function download(harness: Harness, from: string, to: string, options: CopyOptions): Promise<void> {
  const source = posix.resolve(harness.workspace, from);
  const { isDirectory, isFile, size } = await harness.files.stat(source);
  const into = to.endsWith('/') || (await isDirectoryHere(to));
  const path = into ? join(to, basename(source)) : to;
  if (isFile) return downloadFile(harness.files, source, path, size, options);
  if (!isDirectory) throw new CliError(`${from} is neither a file nor a directory`);
  if (!options.recursive) throw new CliError(`${from} is a directory`, { hint: 'Copy it with -r.' });
  await downloadTree(harness.files, source, path, options);
}

async function downloadTree(files: RemoteFiles, from: string, to: string, options: CopyOptions): Promise<void> {
  const root = await files.canonicalize(from);
  const { entries, errors, truncated } = await files.walk(root);
  if (truncated)
    throw new CliError(`${from} holds more than one copy can take`, { hint: 'Copy its parts one by one.' });
  for (const { path, message } of errors) options.warn(`left out: ${path}: ${message}`);
  await mkdir(to, { recursive: true });
  for (const { path, kind } of entries) {
    if (path === root) continue;
    const parts = partsBelow(root, path);
    if (!parts)
      throw new CliError(`the executor named ${path}, which does not lie in ${root}`, { code: 'unsafe_path' });
    const target = join(to, ...parts);
    if (kind === 'directory') await mkdir(target, { recursive: true });
    else await downloadFile(files, path, target, undefined, options);
  }
}

/** Beside its place first, so that a copy that was cut leaves no half of a file. */
async function downloadFile(
  files: RemoteFiles,
  from: string,
  to: string,
  size: number | undefined,
  { progress }: CopyOptions,
): Promise<void> {
  const part = join(dirname(to), `.${basename(to)}.${randomUUID()}.part`);
  progress.begin(from, size);
  try {
    await pipeline(counted(files.read(from), progress), createWriteStream(part, { flags: 'wx' }));
    await rename(part, to);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function isDirectoryHere(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
