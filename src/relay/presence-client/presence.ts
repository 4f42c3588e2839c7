import type { LookupAddress } from 'node:dns';
import type { Clock, Logger } from '../../telemetry/index.ts';
import {
  type Access,
  type BootId,
  type Deny,
  MAX_PRESENCE_MESSAGE_BYTES,
  type PresenceEntry,
  type PresenceToRegistry,
  type PresenceToRelay,
  type RegistrationId,
  type TicketJwk,
  type Trust,
} from '../../wire/index.ts';
import { Departures } from './departures.ts';
import { PresenceLink } from './link.ts';
import { RegistryAddresses, type Resolve } from './registry-addresses.ts';

type Hello = Extract<PresenceToRelay, { type: 'hello' }>;

/** Half of what a registry takes in one message: the rest is room for what is not counted here. */
const SNAPSHOT_BYTES = MAX_PRESENCE_MESSAGE_BYTES / 2;
/** An entry of a session table, as JSON. */
const SESSION_BYTES = 160;

/** What a registry asks or tells, and what this relay has to report. */
interface PresenceSource {
  readonly entries: () => readonly PresenceEntry[];
  /** Whose sockets are open here. */
  readonly access: () => readonly Access[];
  readonly keys: (registryId: string, keys: readonly TicketJwk[]) => void;
  /** That registry is no more: another one speaks for its keys. */
  readonly gone: (registryId: string) => void;
  /** All denies of one registry; sockets they hit are cut when this returns. */
  readonly denies: (registryId: string, denies: readonly Deny[]) => void;
  readonly deny: (registryId: string, deny: Deny) => void;
  readonly undeny: (registryId: string, denyId: string) => void;
  /** Every registry knows that this registration is here no more. */
  readonly lossKnown: (registrationId: RegistrationId) => void;
  /** This relay's load, and whether it drains. */
  readonly load: () => PresenceToRegistry;
  /** Does the executor of this registration answer? */
  readonly probe: (registrationId: RegistrationId) => Promise<boolean>;
  /**
   * Told when it changes. False: no registry vouches for this relay; each that it is in touch with sends probes through it, and none comes
   * back (docs/adr/0009). One registry alone may be what is cut off.
   */
  readonly forwards: (forwards: boolean) => void;
}

export interface PresenceOptions {
  /** Each stands for as many registries as its host has addresses. */
  readonly registryUrls: readonly string[];
  readonly resolve?: Resolve | undefined;
  readonly secret: () => Promise<string>;
  readonly trust?: Trust;
  readonly bootId: BootId;
  readonly port: number;
  readonly source: PresenceSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** This relay's presence at every registry (our-side.md §3): one connection each, all told the same. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #names: readonly RegistryAddresses[];
  /** By URL and address. */
  readonly #links = new Map<string, PresenceLink>();
  /** Since when no registry tells this relay anything. */
  #aloneSince: number;
  #forwards = true;
  readonly #departures = new Departures();

  constructor(options: PresenceOptions) {
    const { registryUrls, resolve, clock, logger } = options;
    this.#options = options;
    this.#aloneSince = clock.now();
    this.#names = registryUrls.map(
      (url) =>
        new RegistryAddresses({
          ...{ url, resolve, clock, logger },
          onFound: (addresses) => this.#follow(url, addresses),
        }),
    );
  }

  /** Registries that this relay is in presence at. */
  get connections(): number {
    return [...this.#links.values()].filter(({ entered }) => entered).length;
  }

  /** For how long no registry has told this relay anything, in milliseconds; 0 while one does. */
  get aloneMs(): number {
    return this.connections > 0 ? 0 : this.#options.clock.now() - this.#aloneSince;
  }

  start(): void {
    for (const name of this.#names) name.start();
  }

  /** Tells every registry; one that is away gets it with its next snapshot. */
  tell(message: PresenceToRegistry): void {
    const told = [...this.#links.values()].filter(({ entered }) => entered);
    if (message.type === 'remove') this.#departures.left(message.registrationId, told, this.#options.clock.now());
    for (const link of told) link.send(message);
  }

  close(): void {
    for (const name of this.#names) name.close();
    for (const link of this.#links.values()) link.close();
  }

  #follow(registryUrl: string, addresses: readonly LookupAddress[]): void {
    const found = new Map(addresses.map((address) => [`${registryUrl} ${address.address}`, address]));
    for (const [key, link] of this.#links) {
      if (key.startsWith(`${registryUrl} `)) link.listed = found.has(key);
    }
    for (const [key, address] of found) {
      if (this.#links.has(key)) continue;
      const link = this.#linkTo(registryUrl, address, key);
      this.#links.set(key, link);
      link.start();
    }
  }

  #linkTo(registryUrl: string, address: LookupAddress, key: string): PresenceLink {
    const { secret, trust, clock, logger, random, source } = this.#options;
    const link: PresenceLink = new PresenceLink({
      ...{ registryUrl, address, secret, clock, logger, random },
      ...(trust && { trust }),
      handlers: {
        hello: (message) => this.#onHello(link, message),
        message: (registryId, message) => this.#onMessage(registryId, message, link),
        entering: () => this.#entering(),
        lost: () => {
          this.#departures.lost(link);
          this.#aloneSince = clock.now();
          for (const other of this.#links.values()) {
            if (other.registryId === link.registryId) other.dialAsOnlyOne();
          }
          this.#weigh();
        },
        left: (registryId) => {
          this.#links.delete(key);
          if (registryId !== undefined && !this.#isInTouchWith(registryId, link)) source.gone(registryId);
        },
      },
    });
    return link;
  }

  /** One registry may have several addresses: with two presences there each would take the other's place. */
  #isInTouchWith(registryId: string, besides: PresenceLink): boolean {
    return [...this.#links.values()].some((link) => link !== besides && link.entered && link.registryId === registryId);
  }

  #onHello(link: PresenceLink, { registryId, ticketKeys, denies }: Hello): boolean {
    if (this.#isInTouchWith(registryId, link)) return false;
    this.#options.source.keys(registryId, ticketKeys);
    this.#options.source.denies(registryId, denies);
    return true;
  }

  #entering(): readonly PresenceToRegistry[] {
    this.#weigh();
    const { bootId, port, source } = this.#options;
    const { first, others } = firstPart(source.entries());
    return [
      { type: 'hello', bootId, port },
      { type: 'snapshot', entries: first },
      ...others.map((entry) => ({ type: 'add' as const, entry })),
      source.load(),
      { type: 'access', entries: [...source.access()] },
    ];
  }

  #onMessage(registryId: string, message: PresenceToRelay, link: PresenceLink): void {
    const { source } = this.#options;
    switch (message.type) {
      case 'hello':
        return;
      case 'ticketKeys':
        source.keys(registryId, message.ticketKeys);
        return;
      case 'deny':
        source.deny(registryId, message.deny);
        link.send({ type: 'ack', denyId: message.deny.id });
        return;
      case 'undeny':
        source.undeny(registryId, message.denyId);
        return;
      case 'ack-request':
        // Messages are handled in order, so the deny it asks about is loaded and its sockets are cut.
        link.send({ type: 'ack', denyId: message.denyId });
        return;
      case 'ping': {
        const { nonce, registrationId } = message;
        // Not awaited: a slow executor must not hold up the denies behind it.
        void source.probe(registrationId).then((alive) => link.send({ type: 'pong', nonce, registrationId, alive }));
        return;
      }
      case 'removed':
        if (this.#departures.acknowledged(message.registrationId, link)) source.lossKnown(message.registrationId);
        return;
      case 'forwarding':
        link.vouches = message.answered;
        this.#weigh();
        return;
      default:
        message satisfies never;
    }
  }

  #weigh(): void {
    const { logger, source } = this.#options;
    const links = [...this.#links.values()].filter(({ entered }) => entered);
    const forwards = links.length === 0 || links.some(({ vouches }) => vouches);
    if (forwards === this.#forwards) return;
    this.#forwards = forwards;
    if (forwards) logger.info('probes come back, or a registry that knows nothing of them is there: ready again');
    else logger.warn({ registries: links.length }, 'no registry gets its probes through this relay: unready');
    source.forwards(forwards);
  }
}

/** What fits into one snapshot; the others follow it one by one. */
function firstPart(entries: readonly PresenceEntry[]): { first: PresenceEntry[]; others: readonly PresenceEntry[] } {
  let bytes = 0;
  const end = entries.findIndex(({ ticket, sessions }) => {
    bytes += ticket.length + sessions.length * SESSION_BYTES;
    return bytes > SNAPSHOT_BYTES;
  });
  const fitting = end === -1 ? entries.length : end;
  return { first: entries.slice(0, fitting), others: entries.slice(fitting) };
}
