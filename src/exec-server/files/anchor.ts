import { constants } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RPC_CODES, RpcError } from '../../wire/index.ts';
import type { Gate } from '../sandbox/gate.ts';
import { errnoOf } from './errors.ts';
import type { NativePath } from './path-uri.ts';

/** Opens the place, not the file: needs no right to read, and does not touch a device or FIFO. Linux; not in Node's list. */
const O_PATH = 0o10000000;

/** How a request wants its paths looked at. */
export interface Access {
  readonly gate: Gate;
  /** False: no symbolic link anywhere in the path. */
  readonly followSymlinks: boolean;
}

/** A name for the calls of `node:fs`, and what it really is. */
export interface Place {
  readonly path: NativePath;
  /** Undefined where nobody asks. */
  readonly real: string | undefined;
}

/**
 * Runs `use` on what is at `path`, opened before anybody asks whether it may be used: its real path is then what the kernel says, and
 * `use` goes through the descriptor. A link that is exchanged between the question and the deed changes nothing. Where neither a gate
 * nor `followSymlinks: false` asks, it is just the path.
 *
 * @throws RpcError -32600 when the gate refuses, or a link is where none may be; Error of the system call
 */
export async function withExisting<Value>(
  path: NativePath,
  need: 'read' | 'write',
  access: Access,
  use: (place: Place) => Promise<Value>,
): Promise<Value> {
  if (!isAsked(access)) return use({ path, real: undefined });
  return anchored(checkable(path), access.followSymlinks, (place, real) => {
    access.gate.check(real, need);
    return use({ path: place, real });
  });
}

/**
 * Runs `use` on the name `path` in its directory, whether it exists or not. `use` must not follow a link at the name itself.
 *
 * @throws as `withExisting`; Error `ENOENT` when the directory is missing
 */
export async function withName<Value>(
  path: NativePath,
  need: 'read' | 'write',
  access: Access,
  use: (place: Place) => Promise<Value>,
): Promise<Value> {
  if (!isAsked(access)) return use({ path, real: undefined });
  const text = checkable(path);
  if (text === '/') return withExisting(text, need, access, use);
  return anchored(dirname(text), access.followSymlinks, (directory, realDirectory) => {
    const real = join(realDirectory, basename(text));
    access.gate.check(real, need);
    return use({ path: `${directory}/${basename(text)}`, real });
  });
}

/** Whether `use` may make the file, and then must not take one that is there. */
export type Creation = 'may' | 'must' | 'never';

/** Runs `use` on a file to be written: the one that is there (through links, where they may be followed), or a new one. */
export async function withTarget<Value>(
  path: NativePath,
  access: Access,
  use: (place: Place, creation: Creation) => Promise<Value>,
): Promise<Value> {
  if (!isAsked(access)) return use({ path, real: undefined }, 'may');
  try {
    return await withExisting(path, 'write', access, (place) => use(place, 'never'));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return withName(path, 'write', access, (place) => use(place, 'must'));
  }
}

function isAsked({ gate, followSymlinks }: Access): boolean {
  return gate.restricted || !followSymlinks;
}

function checkable(path: NativePath): string {
  if (process.platform === 'linux' && typeof path === 'string') return path;
  throw new RpcError(RPC_CODES.INVALID_REQUEST, 'this path cannot be checked here, and is refused for that');
}

async function anchored<Value>(
  path: string,
  followSymlinks: boolean,
  use: (place: string, real: string) => Promise<Value>,
): Promise<Value> {
  const handle = await open(path, O_PATH | (followSymlinks ? 0 : constants.O_NOFOLLOW));
  try {
    const place = `/proc/self/fd/${handle.fd}`;
    const real = await readlink(place);
    if (!followSymlinks && (real !== path || (await handle.stat()).isSymbolicLink())) {
      throw new RpcError(RPC_CODES.INVALID_REQUEST, 'path contains a symbolic link');
    }
    return await use(place, real);
  } finally {
    await handle.close();
  }
}
