import { open, rename, rm } from 'node:fs/promises';

/**
 * Writes a whole file or nothing: a reader, or this process after a crash, sees the old content or the new. Mode 0600 unless said otherwise.
 * Errors are Node's own.
 */
export async function writeFileAtomically(path: string, content: string, mode = 0o600): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
