import { type Clock, collectGarbage, type Logger } from '../../telemetry/index.ts';
import type { KeyHolder } from '../key-store.ts';

/** After the last one, in milliseconds: collecting stops the whole process for a moment, and keys of many executors may go together. */
const BETWEEN_MS = 5_000;
/** For those that go at the same time. Milliseconds. */
const FIRST_MS = 1_000;
/** Keys of which it is remembered. The operator is meant for 2,000 executors; beyond, the first one is asked for again. */
const MAX_REMEMBERED = 2_000;

export interface KeyMemoryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly collect?: () => Promise<void>;
}

/**
 * What a process that makes and copies keys still has of one that is gone from every place. Bytes are wiped by whoever had them; what OpenSSL has of a private key it
 * overwrites when the object that stands for it is collected, which in a process that does little may be days away. So it is collected for.
 */
export class KeyMemory {
  readonly #options: KeyMemoryOptions;
  /** By key, how many collections had begun when it was asked for first: one that was under way may have passed it by. */
  readonly #since = new Map<string, number>();
  #begun = 0;
  #done = 0;
  #lastAt = Number.NEGATIVE_INFINITY;
  #isAsked = false;

  constructor(options: KeyMemoryOptions) {
    this.#options = options;
  }

  /**
   * Whether memory may still have this key, which no place has any more: until it was collected since this was asked first. Asking has it collected
   * soon.
   */
  lingers({ uid }: Pick<KeyHolder, 'uid'>, id: string): boolean {
    const key = `${uid} ${id}`;
    const since = this.#since.get(key);
    if (since !== undefined && since < this.#done) return false;
    if (since === undefined) this.#remember(key);
    return true;
  }

  #remember(key: string): void {
    const [first] = this.#since.keys();
    if (first !== undefined && this.#since.size >= MAX_REMEMBERED) this.#since.delete(first);
    this.#since.set(key, this.#begun);
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const { clock } = this.#options;
    clock.after(Math.max(FIRST_MS, this.#lastAt + BETWEEN_MS - clock.now()), () => void this.#collect());
  }

  async #collect(): Promise<void> {
    const { clock, log, collect = collectGarbage } = this.#options;
    this.#isAsked = false;
    this.#lastAt = clock.now();
    this.#begun += 1;
    const begun = this.#begun;
    try {
      await collect();
      this.#done = begun;
    } catch (err) {
      log.error({ err }, 'memory could not be collected');
      this.#ask();
    }
  }
}
