import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { loadKeyFile } from '../../noise/index.ts';
import type { Clock, Logger, Timer } from '../../telemetry/index.ts';
import { isKeyId, type KeyId } from '../../wire/index.ts';
import { codeOf } from '../errors.ts';
import { ExecutorKey } from './executor-key.ts';

/** A Secret volume changes through a symlink swap, and a watch on it can be lost unseen: looking is cheap, waiting is not. */
const KEYS_POLL_MS = 1000;

export interface KeysFolderOptions {
  dir: string;
  clock: Clock;
  logger: Logger;
  /** Files of a Secret volume belong to root and are readable by the pod's group. */
  allowGroupRead: boolean;
  onAdded: (key: ExecutorKey) => void;
  onRemoved: (key: ExecutorKey) => void;
}

/** What `stat` said when a file was last looked into; the same again means the same content. */
type Signature = string;

/**
 * The folder of key files `kN.json`. A file that cannot be read (half written, wrong mode) is kept out with a coded log line and looked
 * at again when it changes; a key that is loaded stays until its file's *name* is gone.
 */
export class KeysFolder {
  readonly #options: KeysFolderOptions;
  readonly #keys = new Map<KeyId, ExecutorKey>();
  readonly #seen = new Map<KeyId, Signature>();
  #watcher: FSWatcher | undefined;
  #timer: Timer | undefined;
  #problem: string | undefined;
  #closed = false;

  constructor(options: KeysFolderOptions) {
    this.#options = options;
  }

  start(): void {
    this.scan();
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watcher?.close();
  }

  /** Looks now. Removals are told before additions, so that a replaced key is never there twice. */
  scan(): void {
    if (this.#closed) return;
    this.#watch();
    const names = this.#names();
    if (names === undefined) return;
    const present = new Map(names.flatMap((id) => this.#signature(id)));
    for (const key of [...this.#keys.values()]) if (!present.has(key.id)) this.#remove(key);
    for (const id of this.#seen.keys()) if (!present.has(id)) this.#seen.delete(id);
    for (const [id, signature] of present) if (this.#seen.get(id) !== signature) this.#load(id, signature);
  }

  #names(): KeyId[] | undefined {
    try {
      const files = readdirSync(this.#options.dir);
      this.#problem = undefined;
      return files
        .filter((file) => file.endsWith('.json'))
        .map((file) => basename(file, '.json'))
        .filter(isKeyId);
    } catch (error) {
      if (this.#problem !== codeOf(error))
        this.#options.logger.error({ code: codeOf(error) }, 'keys folder unreadable');
      this.#problem = codeOf(error);
      return undefined;
    }
  }

  /** Nothing for a name that leads nowhere: the kubelet removes a key by swapping `..data` first and the dangling link later. */
  #signature(id: KeyId): [KeyId, Signature][] {
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(this.#path(id));
      return [[id, `${ino}/${size}/${mtimeMs}/${ctimeMs}`]];
    } catch (error) {
      return codeOf(error) === 'ENOENT' ? [] : [[id, codeOf(error)]];
    }
  }

  #load(id: KeyId, signature: Signature): void {
    const { logger, allowGroupRead } = this.#options;
    this.#seen.set(id, signature);
    try {
      this.#loaded(new ExecutorKey(id, loadKeyFile(this.#path(id), { allowGroupRead })));
    } catch (error) {
      logger.error({ key: id, code: codeOf(error), kept: this.#keys.has(id) }, 'key file kept out');
    }
  }

  #loaded(key: ExecutorKey): void {
    const known = this.#keys.get(key.id);
    if (known?.fingerprint === key.fingerprint) return;
    const twin = [...this.#keys.values()].find(
      ({ id, fingerprint }) => id !== key.id && fingerprint === key.fingerprint,
    );
    if (twin !== undefined) {
      this.#options.logger.error({ key: key.id, twin: twin.id, code: 'duplicate_key' }, 'key file kept out');
      return;
    }
    if (known !== undefined) this.#remove(known);
    this.#keys.set(key.id, key);
    this.#options.logger.info({ key: key.id, fingerprint: key.fingerprint }, 'key loaded');
    this.#options.onAdded(key);
  }

  #remove(key: ExecutorKey): void {
    this.#keys.delete(key.id);
    this.#options.logger.info({ key: key.id, fingerprint: key.fingerprint }, 'key removed');
    this.#options.onRemoved(key);
  }

  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(this.#options.dir, { persistent: false }, () => this.scan());
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #arm(): void {
    this.#timer = this.#options.clock.after(KEYS_POLL_MS, () => {
      this.scan();
      if (!this.#closed) this.#arm();
    });
  }

  #path(id: KeyId): string {
    return join(this.#options.dir, `${id}.json`);
  }
}
