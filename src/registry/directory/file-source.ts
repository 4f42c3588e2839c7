import { type FSWatcher, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../telemetry/index.ts';

/** How long a change can stay unseen when the file system tells nothing (network mounts, some containers). */
export const POLL_MS = 2_000;
/** Far above any one machine's directory; a bound so that a wrong path (a device, a log) cannot fill the memory. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

export interface FileSourceOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Called with the first content and whenever the content differs from the last one read. */
  readonly onContent: (text: string) => void;
  /** Called when the file cannot be read; the next success calls `onContent` only if the content is new. */
  readonly onError: (error: unknown) => void;
}

/**
 * Follows one small file by content. It watches the *folder*, because the file is replaced by a rename and mounted Secrets change
 * through a symlink beside it, and polls as well, because not every file system tells.
 */
export class FileSource {
  readonly #options: FileSourceOptions;
  #last: string | undefined;
  #watcher: FSWatcher | undefined;
  #poll: Timer | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  /** Resolves after the first look at the file, whatever came of it. */
  async start(): Promise<void> {
    this.#watchFolder();
    await this.look();
    this.#arm();
  }

  /** Looks at the file now. Overlapping calls share a read, and one more follows so that no change is missed. */
  look(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilQuiet().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    this.#poll?.cancel();
    await this.#reading;
  }

  async #readUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      await this.#readOnce();
    } while (this.#again && !this.#closed);
  }

  async #readOnce(): Promise<void> {
    const { path, onContent, onError } = this.#options;
    try {
      const text = await readBounded(path);
      if (this.#closed || text === this.#last) return;
      this.#last = text;
      onContent(text);
    } catch (error) {
      if (!this.#closed) onError(error);
    }
  }

  #watchFolder(): void {
    try {
      this.#watcher = watch(dirname(this.#options.path), { persistent: false }, () => void this.look());
      // The folder was removed or cannot be watched any longer: polling goes on.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  #arm(): void {
    if (this.#closed) return;
    this.#poll = this.#options.clock.after(POLL_MS, () => void this.look().then(() => this.#arm()));
  }
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new RangeError(`the file is larger than ${MAX_FILE_BYTES} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
