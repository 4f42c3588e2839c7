import { type Clock, collectGarbage, type Logger, type Timer } from '../../telemetry/index.ts';
import type { Fingerprint } from '../../wire/index.ts';
import { codeOf } from '../errors.ts';
import type { ExecutorKey } from './executor-key.ts';

/** After the last of several keys that go together. Milliseconds. */
const FIRST_LOOK_MS = 1_000;
/** A handshake that waits for the registry's word holds its key for at most 10 s. Milliseconds. */
const LOOK_AGAIN_MS = 5_000;
/** Collecting stops everything for a moment: what is held for longer than two minutes is held by a mistake, and is left to the collector. */
const MAX_LOOKS = 24;

export interface DepartedKeysOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A key is out of memory. */
  readonly onGone: () => void;
  readonly collect?: () => Promise<void>;
}

interface Departed {
  readonly fingerprint: Fingerprint;
  readonly halves: readonly WeakRef<object>[];
}

/**
 * Keys that were let go of and are still in memory. OpenSSL overwrites a private key when it frees it, and it does when the object that stands for it is collected;
 * in a process that does little that may be days away, so it is asked for here.
 */
export class DepartedKeys {
  readonly #options: DepartedKeysOptions;
  readonly #collect: () => Promise<void>;
  #departed: readonly Departed[] = [];
  #timer: Timer | undefined;
  #looks = 0;

  constructor(options: DepartedKeysOptions) {
    this.#options = options;
    this.#collect = options.collect ?? collectGarbage;
  }

  /** In memory as far as anybody can tell. */
  get fingerprints(): readonly Fingerprint[] {
    return this.#departed.map(({ fingerprint }) => fingerprint);
  }

  add(key: ExecutorKey): void {
    const halves = key.letGo();
    if (halves.length === 0) return;
    this.#departed = [...this.#departed, { fingerprint: key.fingerprint, halves }];
    this.#looks = 0;
    this.#lookAfter(FIRST_LOOK_MS);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #lookAfter(milliseconds: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(milliseconds, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { logger, onGone } = this.#options;
    this.#looks += 1;
    try {
      if (this.#looks <= MAX_LOOKS) await this.#collect();
    } catch (error) {
      logger.error({ code: codeOf(error) }, 'memory could not be collected');
    }
    const before = this.#departed;
    this.#departed = before.filter(({ halves }) => halves.some((half) => half.deref() !== undefined));
    const gone = before.filter((each) => !this.#departed.includes(each));
    for (const { fingerprint } of gone) logger.info({ fingerprint }, 'key out of memory');
    if (this.#departed.length > 0) this.#lookAfter(LOOK_AGAIN_MS);
    if (gone.length > 0) onGone();
  }
}
