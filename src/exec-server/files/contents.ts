import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MAX_READ_FILE_BYTES } from '../limits.ts';
import { type Access, type Creation, withExisting, withTarget } from './anchor.ts';
import { invalidRequest } from './errors.ts';
import type { NativePath } from './path-uri.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_NONBLOCK } = constants;

/** As a shell makes them, less the umask. */
const NEW_FILE_MODE = 0o666;

const CREATE_FLAGS: Readonly<Record<Creation, number>> = { may: O_CREAT, must: O_CREAT | O_EXCL, never: 0 };

/** A regular file opened to read; anything else is refused, and without blocking on a FIFO. The caller closes it. */
export function openToRead(path: NativePath, access: Access): Promise<FileHandle> {
  return withExisting(path, 'read', access, async (place) =>
    regular(await open(place.path, O_RDONLY | O_NONBLOCK), path),
  );
}

/** A regular file opened to write, made when missing and emptied when not. The caller closes it. */
export function openToReplace(path: NativePath, access: Access): Promise<FileHandle> {
  return withTarget(path, access, async (place, creation) => {
    const flags = O_WRONLY | O_NONBLOCK | CREATE_FLAGS[creation] | (creation === 'must' ? 0 : O_TRUNC);
    return regular(await open(place.path, flags, NEW_FILE_MODE), path);
  });
}

/** @throws RpcError -32600 for what is no file, or does not fit into one message */
export async function readWholeFile(path: NativePath, access: Access): Promise<Buffer> {
  const file = await openToRead(path, access);
  try {
    const bytes = await readAtMost(file, await file.stat(), MAX_READ_FILE_BYTES + 1);
    if (bytes.length > MAX_READ_FILE_BYTES) {
      throw invalidRequest(`the file has more than ${MAX_READ_FILE_BYTES} bytes: read it by fs/open and fs/readBlock`);
    }
    return bytes;
  } finally {
    await file.close();
  }
}

export async function writeWholeFile(path: NativePath, bytes: Buffer, access: Access): Promise<void> {
  const file = await openToReplace(path, access);
  try {
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}

/** Up to `length` bytes at `offset`; fewer only at the end of the file. */
export async function readBlock(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const block = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(block, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return block.subarray(0, filled);
}

export async function writeBlock(file: FileHandle, offset: number, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
  }
}

/** Files of `/proc` say that they are empty and are not: what counts is what reading returns. */
async function readAtMost(file: FileHandle, { size }: Stats, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  for (;;) {
    const part = await readBlock(file, total, Math.min(limit - total, Math.max(size - total, 0) + 65_536));
    if (part.length === 0) return parts.length === 1 ? (parts[0] ?? part) : Buffer.concat(parts);
    parts.push(part);
    total += part.length;
    if (total >= limit) return Buffer.concat(parts);
  }
}

async function regular(file: FileHandle, path: NativePath): Promise<FileHandle> {
  const stats = await file.stat();
  if (stats.isFile()) return file;
  await file.close();
  throw invalidRequest(`path \`${path}\` is not a file`);
}
