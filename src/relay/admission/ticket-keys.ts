import { type TicketJwk, TicketVerifier } from '../../wire/index.ts';

/**
 * The public halves of the ticket keys, as the registries told them. A registry that is away keeps what it told last: tickets outlive
 * it, and registries take a key out only 8 days after its last signature.
 */
export class TicketKeys {
  readonly verifier = new TicketVerifier([]);
  readonly #bySource = new Map<string, readonly TicketJwk[]>();
  /** Kept only until another registry tells its keys. */
  readonly #gone = new Set<string>();

  /** True with the key set of at least one registry. */
  get loaded(): boolean {
    return [...this.#bySource.values()].some((keys) => keys.length > 0);
  }

  set(source: string, keys: readonly TicketJwk[]): void {
    this.#bySource.set(source, keys);
    this.#gone.delete(source);
    if (keys.length > 0) {
      for (const each of this.#gone) this.#bySource.delete(each);
      this.#gone.clear();
    }
    this.#accept();
  }

  /** That registry will tell nothing any more: what only it told is forgotten, unless that is all there is. */
  forget(source: string): void {
    const others = [...this.#bySource].some(([each, keys]) => each !== source && keys.length > 0);
    if (!others) {
      this.#gone.add(source);
      return;
    }
    if (this.#bySource.delete(source)) this.#accept();
  }

  #accept(): void {
    const union = new Map([...this.#bySource.values()].flat().map((key) => [key.kid, key]));
    this.verifier.setKeys([...union.values()]);
  }
}
