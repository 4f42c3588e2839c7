import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { Clock, Logger, Timer } from '../../telemetry/index.ts';

/** How soon a new replica of a registry is found (our-side.md §3). */
const RESOLVE_MS = 5_000;
/** While none is known there is nothing to forward: registries and relays often start together. */
const FIRST_RESOLVE_MS = 1_000;

/** Every address of a host name; of an address itself, that. Rejects when it cannot be told now. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

const resolveBySystem: Resolve = (host) => lookup(host, { all: true });

export interface RegistryAddressesOptions {
  /** Of the registries; a host name stands for as many as it has addresses, as that of a headless Service does. */
  readonly url: string;
  readonly resolve?: Resolve | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** All addresses, at every look that was answered. */
  readonly onFound: (addresses: readonly LookupAddress[]) => void;
}

/** Where the registries behind one URL are, looked up again for as long as the relay lives. A name server that is away changes nothing. */
export class RegistryAddresses {
  readonly #options: RegistryAddressesOptions;
  readonly #host: string;
  #timer: Timer | undefined;
  #known = false;
  #failing = false;
  #closed = false;

  constructor(options: RegistryAddressesOptions) {
    this.#options = options;
    // The brackets of an IPv6 address belong to the URL.
    this.#host = new URL(options.url).hostname.replace(/^\[|\]$/g, '');
  }

  start(): void {
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { resolve = resolveBySystem, clock, logger, onFound } = this.#options;
    try {
      const addresses = await resolve(this.#host);
      if (this.#closed) return;
      this.#failing = false;
      this.#known = addresses.length > 0;
      onFound(addresses);
    } catch (error) {
      if (this.#closed) return;
      if (!this.#failing) logger.warn({ host: this.#host, err: error }, 'registry name not resolved, asking on');
      this.#failing = true;
    }
    this.#timer = clock.after(this.#known ? RESOLVE_MS : FIRST_RESOLVE_MS, () => void this.#look());
  }
}
