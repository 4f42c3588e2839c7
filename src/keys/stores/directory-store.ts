import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyFile, encodeKeyFile, keyFingerprint, loadKeyFile, NoiseError } from '../../noise/index.ts';
import { type KeyHolder, type KeyStore, KeyStoreError, type ReadableKey, type StoredKey } from '../key-store.ts';
import { byNumber } from '../machine/record.ts';
import type { DeletionPolicy } from '../schedule/policy.ts';
import { fileOfKeyId, fingerprintOfKeyFile, keyIdOfFile } from './key-file-bytes.ts';

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/**
 * Keys as files of one folder per executor, for `noisefleet dev`: the folder that the sidecar reads. A file appears whole or not at all, by a link that
 * never replaces. It takes no notes, and retains nothing.
 */
export class DirectoryKeyStore implements KeyStore {
  readonly #folderOf: (holder: KeyHolder) => string;

  constructor(folderOf: (holder: KeyHolder) => string) {
    this.#folderOf = folderOf;
  }

  async list(holder: KeyHolder): Promise<readonly StoredKey[]> {
    return this.#names(holder)
      .flatMap((file): StoredKey[] => {
        const id = keyIdOfFile(file);
        return id === undefined ? [] : [{ id, fingerprint: this.#fingerprint(holder, id) }];
      })
      .sort(byNumber);
  }

  async create(holder: KeyHolder, id: string): Promise<ReadableKey> {
    mkdirSync(this.#folderOf(holder), { recursive: true, mode: OWNER_ONLY_FOLDER });
    try {
      return { id, fingerprint: keyFingerprint(createKeyFile(this.#path(holder, id)).publicKey) };
    } catch (cause) {
      if (!isCode(cause, 'key_file_exists')) throw this.#coded(cause, 'create key', holder, id);
      return { id, fingerprint: keyFingerprint(this.#load(holder, id, 'create key').publicKey) };
    }
  }

  async read(holder: KeyHolder, id: string): Promise<Uint8Array> {
    return encodeKeyFile(this.#load(holder, id, 'read key'));
  }

  async put(holder: KeyHolder, id: string, keyFile: Uint8Array): Promise<void> {
    const fingerprint = fingerprintOfKeyFile(keyFile, 'put key', `what was given as ${id}`);
    const folder = this.#folderOf(holder);
    const draft = join(folder, `.${fileOfKeyId(id)}.${randomBytes(8).toString('hex')}.tmp`);
    try {
      mkdirSync(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
      writeSynced(draft, keyFile);
      linkSync(draft, this.#path(holder, id));
    } catch (cause) {
      if (!isCode(cause, 'EEXIST')) throw this.#coded(cause, 'put key', holder, id);
      if (this.#fingerprint(holder, id) === fingerprint) return;
      throw new KeyStoreError('conflict', 'put key', `${this.#path(holder, id)} is another key`);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  async note(): Promise<void> {
    // The folder that the sidecar reads holds keys and nothing else.
  }

  async destroy(holder: KeyHolder, id: string, _policy: DeletionPolicy): Promise<void> {
    try {
      rmSync(this.#path(holder, id), { force: true });
    } catch (cause) {
      throw this.#coded(cause, 'destroy key', holder, id);
    }
  }

  #names(holder: KeyHolder): string[] {
    try {
      return readdirSync(this.#folderOf(holder));
    } catch (cause) {
      if (isCode(cause, 'ENOENT')) return [];
      throw new KeyStoreError('unavailable', 'read keys', `${this.#folderOf(holder)} cannot be read`, { cause });
    }
  }

  #fingerprint(holder: KeyHolder, id: string): string | undefined {
    try {
      return keyFingerprint(loadKeyFile(this.#path(holder, id)).publicKey);
    } catch {
      return undefined;
    }
  }

  #load(holder: KeyHolder, id: string, step: string): ReturnType<typeof loadKeyFile> {
    try {
      return loadKeyFile(this.#path(holder, id));
    } catch (cause) {
      throw this.#coded(cause, step, holder, id);
    }
  }

  #coded(cause: unknown, step: string, holder: KeyHolder, id: string): KeyStoreError {
    const path = this.#path(holder, id);
    if (isCode(cause, 'key_file_missing'))
      return new KeyStoreError('not_found', step, `${path} is not there`, { cause });
    if (isCode(cause, 'EROFS'))
      return new KeyStoreError('read_only', step, `${path} is on a read-only disk`, { cause });
    if (isCode(cause, 'EACCES', 'EPERM')) {
      return new KeyStoreError('forbidden', step, `${path} may not be used by this process`, { cause });
    }
    if (cause instanceof NoiseError && cause.code !== 'key_file_io') {
      return new KeyStoreError('malformed', step, cause.message, { cause });
    }
    return new KeyStoreError('unavailable', step, `${path} cannot be read or written`, { cause });
  }

  #path(holder: KeyHolder, id: string): string {
    return join(this.#folderOf(holder), fileOfKeyId(id));
  }
}

function writeSynced(path: string, contents: Uint8Array): void {
  const file = openSync(path, 'wx', OWNER_ONLY_FILE);
  try {
    writeFileSync(file, contents);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Of Node's errors and of ours, and of what caused them. */
function isCode(error: unknown, ...codes: readonly string[]): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, 'code');
  return codes.some((each) => each === code) || isCode(error.cause, ...codes);
}
