import { decodeBase64, type ExecResult, MAX_BLOCK_BYTES, WALK_LIMITS } from '../../wire/index.ts';
import { HarnessError } from '../error.ts';
import type { Session } from '../session/session.ts';
import { pathToUri, uriToPath } from './path-uri.ts';
import { RemoteFile } from './remote-file.ts';

/** Blocks asked for ahead of the reader, or under way to the executor: enough to hide a round trip, 4 MiB at most. */
const BLOCKS_IN_FLIGHT = 4;

/** For executors before 0.163, which have no `fs/writeBlock`: the whole file in one message, well below its 64 MiB as base64. */
const MAX_WHOLE_FILE_BYTES = 32 * 1024 * 1024;

export type FileStat = ExecResult<'fs/getMetadata'>;
export type DirectoryEntry = ExecResult<'fs/readDirectory'>['entries'][number];

export interface WalkEntry {
  /** Absolute, on the executor. */
  path: string;
  kind: 'directory' | 'file';
}

export interface Walked {
  /** Breadth-first. */
  entries: WalkEntry[];
  errors: { path: string; message: string }[];
  /** There is more than the limits of contract §9.4 allow. */
  truncated: boolean;
}

const AGAIN = { idempotent: true };

/**
 * Files on the executor. Paths are absolute paths there. Reading survives a lost connection; a change that was under way at a cut fails with
 * `transport_error` and is never made twice. All throw HarnessError `not_found`, `invalid_request` (permissions, wrong kind of file),
 * `not_supported`, `executor_error`, and why there is no session.
 */
export class RemoteFiles {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** A whole file of up to some 45 MiB; larger ones with `read`. */
  async readFile(path: string): Promise<Buffer> {
    const { dataBase64 } = await this.#session.call('fs/readFile', { path: pathToUri(path) }, AGAIN);
    return decodeBase64(dataBase64);
  }

  /** Creates or replaces a file of up to some 45 MiB; larger ones with `write`. */
  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    const dataBase64 = Buffer.from(bytes).toString('base64');
    await this.#session.call('fs/writeFile', { path: pathToUri(path), dataBase64 });
  }

  open(path: string, mode: 'read' | 'replace' = 'read'): RemoteFile {
    return new RemoteFile(this.#session, pathToUri(path), mode);
  }

  /** A file of any size, block by block. */
  async *read(path: string): AsyncGenerator<Buffer> {
    const file = this.open(path);
    const ahead: Promise<{ bytes: Buffer; eof: boolean }>[] = [];
    let offset = 0;
    const ask = () => {
      const block = file.readBlock(offset, MAX_BLOCK_BYTES);
      // It is awaited in its turn; until then a failure is nobody's yet.
      block.catch(() => {});
      ahead.push(block);
      offset += MAX_BLOCK_BYTES;
    };
    try {
      await file.open();
      while (ahead.length < BLOCKS_IN_FLIGHT) ask();
      for (let next = ahead.shift(); next; next = ahead.shift()) {
        const { bytes, eof } = await next;
        if (bytes.length > 0) yield bytes;
        if (eof) return;
        ask();
      }
    } finally {
      await Promise.allSettled(ahead);
      await file.close();
    }
  }

  /** Creates or replaces a file of any size. @returns how many bytes were written */
  async write(path: string, source: AsyncIterable<Uint8Array>): Promise<number> {
    const file = await this.#openForWriting(path);
    try {
      return await this.#writeBlocks(path, file, blocksOf(source, MAX_BLOCK_BYTES));
    } finally {
      await file.close();
    }
  }

  stat(path: string, { followSymlinks = true } = {}): Promise<FileStat> {
    return this.#session.call('fs/getMetadata', { path: pathToUri(path), followSymlinks }, AGAIN);
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    return (await this.#session.call('fs/readDirectory', { path: pathToUri(path) }, AGAIN)).entries;
  }

  /** A tree; directory symlinks are not followed. */
  async walk(path: string): Promise<Walked> {
    const options = { ...WALK_LIMITS, followDirectorySymlinks: false };
    const walked = await this.#session.call('fs/walk', { path: pathToUri(path), options }, AGAIN);
    return { ...walked, entries: walked.entries.map((entry) => ({ ...entry, path: uriToPath(entry.path) })) };
  }

  async canonicalize(path: string): Promise<string> {
    return uriToPath((await this.#session.call('fs/canonicalize', { path: pathToUri(path) }, AGAIN)).path);
  }

  /** With its parents. */
  async mkdir(path: string): Promise<void> {
    await this.#session.call('fs/createDirectory', { path: pathToUri(path), recursive: true });
  }

  /** A missing path is `not_found` unless `force`. */
  async remove(path: string, { recursive = false, force = false } = {}): Promise<void> {
    await this.#session.call('fs/remove', { path: pathToUri(path), recursive, force });
  }

  async copy(from: string, to: string, { recursive = false } = {}): Promise<void> {
    const paths = { sourcePath: pathToUri(from), destinationPath: pathToUri(to) };
    await this.#session.call('fs/copy', { ...paths, recursive });
  }

  /** Executors before 0.163 open files for reading only, whatever they are asked: there it must exist first. */
  async #openForWriting(path: string): Promise<RemoteFile> {
    const file = this.open(path, 'replace');
    try {
      await file.open();
      return file;
    } catch (error) {
      if (!(error instanceof HarnessError) || error.code !== 'not_found') throw error;
    }
    await this.writeFile(path, new Uint8Array(0));
    const created = this.open(path, 'replace');
    await created.open();
    return created;
  }

  async #writeBlocks(path: string, file: RemoteFile, blocks: AsyncGenerator<Uint8Array>): Promise<number> {
    const flying = new Set<Promise<void>>();
    let offset = 0;
    for await (const block of blocks) {
      if (offset === 0) {
        // The first one alone: an older executor says here that it cannot.
        if (!(await this.#canWriteBlock(file, block))) return this.#writeWhole(path, block, blocks);
      } else {
        const written = file.writeBlock(offset, block).finally(() => flying.delete(written));
        written.catch(() => {});
        flying.add(written);
      }
      offset += block.length;
      if (flying.size >= BLOCKS_IN_FLIGHT) await Promise.race(flying);
    }
    await Promise.all(flying);
    return offset;
  }

  async #canWriteBlock(file: RemoteFile, block: Uint8Array): Promise<boolean> {
    try {
      await file.writeBlock(0, block);
      return true;
    } catch (error) {
      if (error instanceof HarnessError && error.code === 'not_supported') return false;
      throw error;
    }
  }

  async #writeWhole(path: string, first: Uint8Array, rest: AsyncIterable<Uint8Array>): Promise<number> {
    const parts = [first];
    let length = first.length;
    for await (const part of rest) {
      parts.push(part);
      length += part.length;
      if (length > MAX_WHOLE_FILE_BYTES) {
        throw new HarnessError('not_supported', 'file', 'this executor takes no files over 32 MiB: update it');
      }
    }
    await this.writeFile(path, Buffer.concat(parts));
    return length;
  }
}

/** The same bytes in blocks of `size`; the last one may be shorter. */
export async function* blocksOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (length + rest.length >= size) {
      const taken = size - length;
      yield Buffer.concat([...parts, rest.subarray(0, taken)]);
      rest = rest.subarray(taken);
      parts = [];
      length = 0;
    }
    if (rest.length > 0) parts.push(rest);
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(parts);
}
