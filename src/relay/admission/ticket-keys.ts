import { type TicketJwk, TicketVerifier } from '../../wire/index.ts';

/**
 * The public halves of the ticket keys, as the registries told them. A registry that is away keeps what it told last: tickets outlive
 * it, and registries take a key out only 8 days after its last signature.
 */
export class TicketKeys {
  readonly verifier = new TicketVerifier([]);
  readonly #bySource = new Map<string, readonly TicketJwk[]>();

  /** True with the key set of at least one registry. */
  get loaded(): boolean {
    return [...this.#bySource.values()].some((keys) => keys.length > 0);
  }

  set(source: string, keys: readonly TicketJwk[]): void {
    this.#bySource.set(source, keys);
    const union = new Map([...this.#bySource.values()].flat().map((key) => [key.kid, key]));
    this.verifier.setKeys([...union.values()]);
  }
}
