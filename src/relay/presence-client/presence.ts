import type { Clock, Logger } from '../../telemetry/index.ts';
import type {
  BootId,
  Deny,
  PresenceEntry,
  PresenceToRegistry,
  PresenceToRelay,
  RegistrationId,
  TicketJwk,
  Trust,
} from '../../wire/index.ts';
import { PresenceLink } from './link.ts';

/** What a registry asks or tells, and what this relay has to report. */
interface PresenceSource {
  readonly entries: () => readonly PresenceEntry[];
  readonly keys: (registryId: string, keys: readonly TicketJwk[]) => void;
  /** All denies of one registry; sockets they hit are cut when this returns. */
  readonly denies: (registryId: string, denies: readonly Deny[]) => void;
  readonly deny: (registryId: string, deny: Deny) => void;
  readonly undeny: (registryId: string, denyId: string) => void;
  /** Does the executor of this registration answer? */
  readonly probe: (registrationId: RegistrationId) => Promise<boolean>;
}

export interface PresenceOptions {
  readonly registryUrls: readonly string[];
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
  readonly #links: readonly PresenceLink[];
  readonly #options: PresenceOptions;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { secret, trust, clock, logger, random } = options;
    const handlers = {
      hello: (message: Extract<PresenceToRelay, { type: 'hello' }>) => this.#onHello(message),
      message: (registryId: string, message: PresenceToRelay, link: PresenceLink) =>
        this.#onMessage(registryId, message, link),
      entering: () => this.#entering(),
    };
    this.#links = options.registryUrls.map(
      (registryUrl) =>
        new PresenceLink({ registryUrl, secret, ...(trust && { trust }), clock, logger, random, handlers }),
    );
  }

  /** Registries that this relay is in presence at. */
  get connections(): number {
    return this.#links.filter(({ entered }) => entered).length;
  }

  start(): void {
    for (const link of this.#links) link.start();
  }

  /** Tells every registry; one that is away gets it with its next snapshot. */
  tell(message: PresenceToRegistry): void {
    for (const link of this.#links) link.send(message);
  }

  close(): void {
    for (const link of this.#links) link.close();
  }

  #onHello({ registryId, ticketKeys, denies }: Extract<PresenceToRelay, { type: 'hello' }>): void {
    this.#options.source.keys(registryId, ticketKeys);
    this.#options.source.denies(registryId, denies);
  }

  #entering(): readonly PresenceToRegistry[] {
    const { bootId, port, source } = this.#options;
    return [
      { type: 'hello', bootId, port },
      { type: 'snapshot', entries: [...source.entries()] },
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
      default:
        message satisfies never;
    }
  }
}
