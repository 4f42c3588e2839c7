import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CryptoProvider } from '../crypto/provider.ts';
import { NoiseError, type NoiseErrorCode } from '../error.ts';
import { generateKeypair, type Keypair } from '../keypair.ts';
import { decodeKeyFile, encodeKeyFile, MAX_KEY_FILE_BYTES } from './format.ts';

export interface KeyFileOptions {
  readonly crypto?: CryptoProvider;
  /** For Secret volumes, whose files belong to root and are readable by the pod's group. Others may never read. */
  readonly allowGroupRead?: boolean;
}

const OWNER_ONLY = 0o600;
const GROUP_READ = 0o040;
const GROUP_AND_OTHERS = 0o077;

/**
 * Generates a keypair and writes it to `path`, mode 0600. The file appears whole and on disk or not at all: it is written beside, synced,
 * then linked, and a link never replaces. Throws `key_file_exists`, `key_file_io`.
 */
export function createKeyFile(path: string, { crypto }: Pick<KeyFileOptions, 'crypto'> = {}): Keypair {
  const keypair = generateKeypair(crypto);
  const contents = encodeKeyFile(keypair);
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
  try {
    writeSynced(draft, contents);
    linkSync(draft, path);
  } catch (cause) {
    throw ioError(`could not create ${path}`, cause);
  } finally {
    contents.fill(0);
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(path));
  return keypair;
}

/** Throws `key_file_missing`, `key_file_permissions`, `key_file_malformed`, `key_file_version`, `key_file_io`. Follows symlinks. */
export function loadKeyFile(path: string, { crypto, allowGroupRead = false }: KeyFileOptions = {}): Keypair {
  const contents = Buffer.alloc(MAX_KEY_FILE_BYTES + 1);
  try {
    const length = readGuarded(path, contents, GROUP_AND_OTHERS & ~(allowGroupRead ? GROUP_READ : 0));
    return decodeKeyFile(contents.subarray(0, length), crypto);
  } finally {
    contents.fill(0);
  }
}

/** The permissions are those of the file that is read, not of a path that may change in between. */
function readGuarded(path: string, into: Buffer, forbidden: number): number {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const status = fstatSync(file);
    if (!status.isFile()) throw refused('key_file_io', `${path} is not a regular file`);
    if ((status.mode & forbidden) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw refused(
        'key_file_permissions',
        `${path} has mode ${mode}: others can use this key. Mend it: chmod 600 ${path}`,
      );
    }
    let length = 0;
    for (;;) {
      const read = readSync(file, into, length, into.length - length, null);
      if (read === 0) return length;
      length += read;
    }
  } catch (cause) {
    throw cause instanceof NoiseError ? cause : ioError(`could not read ${path}`, cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function writeSynced(path: string, contents: Uint8Array): void {
  const file = openSync(path, 'wx', OWNER_ONLY);
  try {
    writeFileSync(file, contents);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function ioError(what: string, cause: unknown): NoiseError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EEXIST') return refused('key_file_exists', `${what}: it exists, and keys are never overwritten`, cause);
  if (code === 'ENOENT') return refused('key_file_missing', `${what}: no such file or folder`, cause);
  return refused('key_file_io', `${what}: ${String(code ?? cause)}`, cause);
}

function refused(code: NoiseErrorCode, message: string, cause?: unknown): NoiseError {
  return new NoiseError({ code, step: 'key file', message, cause });
}
