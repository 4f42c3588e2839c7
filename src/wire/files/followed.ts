import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Logger, Timer } from '../../telemetry/index.ts';

/** How long a change stays unseen where the file system tells nothing (network mounts, some containers). */
const POLL_MS = 10_000;

export interface Loaded<T> {
  readonly value: T;
  /** Differs exactly when the value does. May hold no secret: use a hash. */
  readonly version: string;
}

export interface FollowedOptions<T> {
  /** What the log calls it, such as `TLS certificate`. */
  readonly what: string;
  /** The files that it is made of; their folders are watched, because mounted Secrets change through a symlink beside them. */
  readonly paths: readonly string[];
  readonly load: () => Promise<Loaded<T>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A value that comes from files and follows them. A version that cannot be loaded, as between the writes of two files that belong together,
 * changes nothing: the last good one stays in force, and the log says so.
 */
export class Followed<T> {
  readonly #options: FollowedOptions<T>;
  readonly #listeners = new Set<(value: T) => void>();
  readonly #watchers: FSWatcher[] = [];
  #loaded: Loaded<T>;
  #poll: Timer | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #bad = false;
  #closed = false;

  private constructor(options: FollowedOptions<T>, loaded: Loaded<T>) {
    this.#options = options;
    this.#loaded = loaded;
  }

  /** @throws what `load` throws: without a first version there is nothing to go on with */
  static async open<T>(options: FollowedOptions<T>): Promise<Followed<T>> {
    const followed = new Followed(options, await options.load());
    followed.#watch();
    followed.#arm();
    // What changed between the first load and the watch.
    await followed.look();
    return followed;
  }

  get current(): T {
    return this.#loaded.value;
  }

  onChange(listener: (value: T) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks now, without waiting for the file system to tell. */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookUntilQuiet().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    for (const watcher of this.#watchers) watcher.close();
    this.#poll?.cancel();
    await this.#looking;
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      await this.#lookOnce();
    } while (this.#again && !this.#closed);
  }

  async #lookOnce(): Promise<void> {
    const { load, logger, what } = this.#options;
    try {
      const loaded = await load();
      this.#bad = false;
      if (this.#closed || loaded.version === this.#loaded.version) return;
      this.#loaded = loaded;
      logger.info({ what }, 'file changed and was loaded');
      for (const listener of this.#listeners) listener(loaded.value);
    } catch (error) {
      if (!this.#bad && !this.#closed)
        logger.warn({ what, err: error }, 'file could not be loaded; the last good stays');
      this.#bad = true;
    }
  }

  #watch(): void {
    for (const folder of new Set(this.#options.paths.map((path) => dirname(path)))) {
      try {
        const watcher = watch(folder, { persistent: false }, () => void this.look());
        // The folder was removed or cannot be watched any longer: polling goes on.
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Not watchable here: polling finds the change.
      }
    }
  }

  #arm(): void {
    if (this.#closed) return;
    this.#poll = this.#options.clock.after(POLL_MS, () => void this.look().then(() => this.#arm()));
  }
}
