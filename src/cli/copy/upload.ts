import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { type Harness, HarnessError, type RemoteFiles } from '../../harness/index.ts';
import { CliError } from '../client/cli-error.ts';
import type { Progress } from './progress.ts';

/** A file whose upload was cut is begun again this often; the session itself recovers each time. */
const ATTEMPTS = 3;

export interface CopyOptions {
  recursive: boolean;
  progress: Progress;
  /** Told what was left out: links and devices. */
  warn: (line: string) => void;
}

/** Copies a file or a tree to the executor. A destination that is a directory there gets the source's name in it. */
export async function upload(harness: Harness, from: string, to: string, options: CopyOptions): Promise<void> {
  const target = posix.resolve(harness.workspace, to);
  const source = await stat(from).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(`${from} cannot be read`, cause.code === undefined ? {} : { code: cause.code });
  });
  const into = (await isDirectory(harness.files, target)) || to.endsWith('/');
  const path = into ? posix.join(target, basename(from)) : target;
  if (source.isFile()) return uploadFile(harness.files, from, path, source.size, options);
  if (!source.isDirectory()) throw new CliError(`${from} is neither a file nor a directory`);
  if (!options.recursive) throw new CliError(`${from} is a directory`, { hint: 'Copy it with -r.' });
  await uploadTree(harness.files, from, path, options);
}

async function uploadTree(files: RemoteFiles, from: string, to: string, options: CopyOptions): Promise<void> {
  await files.mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = posix.join(to, entry.name);
    if (entry.isDirectory()) await uploadTree(files, source, target, options);
    else if (entry.isFile()) await uploadFile(files, source, target, (await stat(source)).size, options);
    else options.warn(`left out: ${source} is no file and no directory`);
  }
}

async function uploadFile(
  files: RemoteFiles,
  from: string,
  to: string,
  size: number,
  { progress }: CopyOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    progress.begin(from, size);
    try {
      await files.write(to, counted(createReadStream(from), progress));
      return;
    } catch (error) {
      const cut = error instanceof HarnessError && error.code === 'transport_error';
      if (!cut || attempt === ATTEMPTS) throw error;
    }
  }
}

export async function* counted(source: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    yield chunk;
    progress.add(chunk.length);
  }
}

async function isDirectory(files: RemoteFiles, path: string): Promise<boolean> {
  try {
    return (await files.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof HarnessError && error.code === 'not_found') return false;
    throw error;
  }
}
