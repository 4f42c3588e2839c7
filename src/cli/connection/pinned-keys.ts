import type { StoredExecutor } from '../../api/index.ts';

/** Keys that an executor may serve: those that are made, and not withdrawn. */
const SERVING = ['Prepared', 'Active', 'Retiring'];

/** How long a connection waits for a status that is read again, in milliseconds; the keys known before count then. */
const READ_PATIENCE_MS = 2_000;

/**
 * The keys that an Executor's status lists. That status comes from the API server and not from the registry, so a registry that introduces a
 * wrong peer is found out (design §2). A key that is not listed may be a new one: the status is read again before it is refused.
 */
export class PinnedKeys {
  readonly #read: (signal: AbortSignal) => Promise<StoredExecutor>;
  #ids: ReadonlyMap<string, string>;

  constructor(executor: StoredExecutor, read: (signal: AbortSignal) => Promise<StoredExecutor>) {
    this.#ids = idsOf(executor);
    this.#read = read;
  }

  async accepts(fingerprint: string): Promise<boolean> {
    if (this.#ids.has(fingerprint)) return true;
    try {
      this.#ids = idsOf(await this.#read(AbortSignal.timeout(READ_PATIENCE_MS)));
    } catch {
      return false; // whoever makes keys needs the same API server
    }
    return this.#ids.has(fingerprint);
  }

  /** `k3` */
  idOf(fingerprint: string): string | undefined {
    return this.#ids.get(fingerprint);
  }
}

/** An External executor's key is what the registry itself reported: no second opinion. */
export function listsItsKeys({ spec, status }: StoredExecutor): boolean {
  return spec.runtime.type !== 'External' && status.keys.length > 0;
}

function idsOf({ status }: StoredExecutor): ReadonlyMap<string, string> {
  return new Map(
    status.keys.flatMap(({ fingerprint, id, state }) =>
      fingerprint !== undefined && SERVING.includes(state) ? [[fingerprint, id] as const] : [],
    ),
  );
}
