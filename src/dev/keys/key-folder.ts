import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyFile, keyFingerprint, loadKeyFile } from '../../noise/index.ts';
import { hasCode } from '../state/atomic-file.ts';
import { byNumber } from './rotation.ts';

/** `k1.json`, `k2.json`, …; everything else in the folder is not a key of ours. */
const KEY_FILE = /^(k[1-9][0-9]{0,8})\.json$/;

export interface FolderKey {
  readonly id: string;
  readonly fingerprint: string;
}

export interface FolderView {
  /** Ids of all key files, by number, those that cannot be read included: their names are taken. */
  readonly ids: readonly string[];
  readonly keys: readonly FolderKey[];
  /** What is wrong with the others, in sentences. */
  readonly problems: readonly string[];
}

interface Read {
  /** What changes when the file does. */
  readonly version: string;
  readonly fingerprint?: string;
  readonly problem?: string;
}

/** The key files of one executor, read again only when they changed. Private halves are not kept here. */
export class KeyFolder {
  readonly #path: string;
  #read = new Map<string, Read>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Looks at the folder now. */
  observe(): FolderView {
    const read = new Map<string, Read>();
    for (const name of readdirSync(this.#path)) {
      const id = KEY_FILE.exec(name)?.[1];
      if (id !== undefined) this.#observeFile(id, read);
    }
    this.#read = read;
    const all = [...read].sort(([a], [b]) => byNumber(a, b));
    return {
      ids: all.map(([id]) => id),
      keys: all.flatMap(([id, { fingerprint }]) => (fingerprint === undefined ? [] : [{ id, fingerprint }])),
      problems: all.flatMap(([id, { problem }]) => (problem === undefined ? [] : [`${this.fileOf(id)}: ${problem}`])),
    };
  }

  /** Makes the key file, or leaves one that is already there: then a crash came between it and our note of it. */
  create(id: string): void {
    try {
      createKeyFile(this.fileOf(id));
    } catch (error) {
      if (!hasCode(error, 'EEXIST') && !hasCode(error, 'key_file_exists')) throw error;
    }
  }

  remove(id: string): void {
    rmSync(this.fileOf(id), { force: true });
  }

  fileOf(id: string): string {
    return join(this.#path, `${id}.json`);
  }

  #observeFile(id: string, read: Map<string, Read>): void {
    const version = versionOf(this.fileOf(id));
    if (version === undefined) return;
    const known = this.#read.get(id);
    if (known?.version === version) {
      read.set(id, known);
      return;
    }
    try {
      read.set(id, { version, fingerprint: keyFingerprint(loadKeyFile(this.fileOf(id)).publicKey) });
    } catch (error) {
      read.set(id, { version, problem: error instanceof Error ? error.message : String(error) });
    }
  }
}

function versionOf(path: string): string | undefined {
  try {
    const { ino, size, mtimeMs, mode } = statSync(path);
    return `${ino} ${size} ${mtimeMs} ${mode}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
