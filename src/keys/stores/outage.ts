import type { Clock } from '../../telemetry/index.ts';
import { type CallOptions, type KeyHolder, type KeyNote, type KeyStore, KeyStoreError } from '../key-store.ts';
import type { DeletionPolicy } from '../schedule/policy.ts';

/** How long a store that did not answer is left alone, in milliseconds: shorter than anybody waits for it to be used again. */
const LEFT_ALONE_MS = 5_000;

/** These are about the store and not about one executor: what one call has met, the next would. */
const OUTAGES: ReadonlySet<string> = new Set(['unavailable', 'timeout', 'sealed']);

/**
 * A store of all executors that is away is asked by one of them at a time: a thousand that each wait for its silence would hold up everything
 * else that is done for executors. The others are told at once what that one has met.
 */
export class OutageStore implements KeyStore {
  readonly #store: KeyStore;
  readonly #clock: Pick<Clock, 'now'>;
  #outage: { readonly error: KeyStoreError; until: number } | undefined;

  constructor(store: KeyStore, clock: Pick<Clock, 'now'>) {
    this.#store = store;
    this.#clock = clock;
  }

  list(holder: KeyHolder, options?: CallOptions) {
    return this.#call(() => this.#store.list(holder, options));
  }

  create(holder: KeyHolder, id: string, options?: CallOptions) {
    return this.#call(() => this.#store.create(holder, id, options));
  }

  read(holder: KeyHolder, id: string, options?: CallOptions) {
    return this.#call(() => this.#store.read(holder, id, options));
  }

  put(holder: KeyHolder, id: string, keyFile: Uint8Array, options?: CallOptions) {
    return this.#call(() => this.#store.put(holder, id, keyFile, options));
  }

  note(holder: KeyHolder, id: string, note: KeyNote, options?: CallOptions) {
    return this.#call(() => this.#store.note(holder, id, note, options));
  }

  destroy(holder: KeyHolder, id: string, policy: DeletionPolicy, options?: CallOptions) {
    return this.#call(() => this.#store.destroy(holder, id, policy, options));
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    const outage = this.#outage;
    if (outage !== undefined) {
      const { code, step, message } = outage.error;
      if (this.#clock.now() < outage.until) throw new KeyStoreError(code, step, message);
      // Until this one knows more.
      outage.until = Number.POSITIVE_INFINITY;
    }
    try {
      const result = await run();
      this.#outage = undefined;
      return result;
    } catch (error) {
      const isOutage = error instanceof KeyStoreError && OUTAGES.has(error.code);
      this.#outage = isOutage ? { error, until: this.#clock.now() + LEFT_ALONE_MS } : undefined;
      throw error;
    }
  }
}
