import { randomBytes } from 'node:crypto';

/** Where the child's relay sockets come in. */
const PREFIX = '/relay/';

/**
 * Upstream URLs remembered at once. An executor uses its newest; a harness one per attempt, within a minute: more than these are never
 * alive together.
 */
const MAX_PATHS = 64;

/** The local paths that stand for upstream relay URLs, so that no ticket reaches the child. */
export class RelayPaths {
  readonly #urls = new Map<string, string>();
  readonly #reusable: boolean;

  /** @param reusable an executor dials one URL many times (contract §2.2), a harness each only once */
  constructor({ reusable }: { reusable: boolean }) {
    this.#reusable = reusable;
  }

  /** @returns the path that stands for `relayUrl` from now on; the oldest one is forgotten when there are too many */
  publish(relayUrl: string): string {
    const path = `${PREFIX}${randomBytes(16).toString('hex')}`;
    this.#urls.set(path, relayUrl);
    for (const oldest of this.#urls.keys()) {
      if (this.#urls.size <= MAX_PATHS) break;
      this.#urls.delete(oldest);
    }
    return path;
  }

  /** The upstream URL, or undefined for a path that was never given out, used before, or forgotten. */
  take(path: string): string | undefined {
    const url = this.#urls.get(path);
    if (!this.#reusable) this.#urls.delete(path);
    return url;
  }
}
