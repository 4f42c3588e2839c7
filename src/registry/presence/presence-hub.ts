import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Clock, Counter, Gauge, Logger, Metrics } from '../../telemetry/index.ts';
import {
  type EnvironmentId,
  type ExecutorTicket,
  isProbe,
  type PresenceToRegistry,
  type PresenceToRelay,
  presenceToRelay,
  type RegistrationId,
  type TicketSigner,
  type TicketVerifier,
} from '../../wire/index.ts';
import { AckRequests } from '../denies/ack-requests.ts';
import type { DenyBoard } from '../denies/deny-board.ts';
import type { StandingAudit } from '../denies/standing-audit.ts';
import type { Penalties } from '../limits/penalties.ts';
import type { Relays } from '../watch/watch-hub.ts';
import { Questions } from './questions.ts';
import { RelayConnection } from './relay-connection.ts';
import {
  type ConnectionId,
  LOST_GRACE_MS,
  type PresenceTable,
  type RelayAddress,
  type VerifiedEntry,
} from './table.ts';

/** A registry is ready after a snapshot from every ready relay, or after this long (`our-side.md` §3). */
const SETTLE_MS = 10_000;

export interface PresenceHubOptions {
  readonly registryId: string;
  /** How many relays are expected to report before the picture counts as whole. */
  readonly expectedRelays: () => number;
  readonly table: PresenceTable;
  readonly denies: DenyBoard;
  readonly penalties: Penalties;
  readonly signer: TicketSigner;
  readonly verifier: TicketVerifier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Who is present is another: of one environment, or of any. A held `connect` may go on, and the operator hears of it. */
  readonly onChange: (environmentId?: EnvironmentId) => void;
  /** So many relays may be sent somebody now, and a socket at one of these is not to be relied on. */
  readonly onServing: (relays: Relays) => void;
  /** A registration of this `External` environment appeared. */
  readonly onClaim: (environmentId: EnvironmentId) => void;
  readonly audit: Pick<StandingAudit, 'access' | 'executor'>;
}

/** Who opened a presence connection, as far as that is known of more than its own word. */
export interface RelayPeer {
  readonly remoteAddress: string | undefined;
  /** Undefined on one machine. */
  readonly pod: string | undefined;
}

/** The registry's end of all presence connections: what relays report goes into the table, what they must hear goes out. */
export class PresenceHub {
  readonly #options: PresenceHubOptions;
  readonly #connections = new Map<ConnectionId, RelayConnection>();
  readonly #acks = new Map<ConnectionId, AckRequests>();
  readonly #questions: Questions;
  readonly #gauges: { readonly relays: Gauge; readonly entries: Gauge };
  readonly #refused: Counter;
  #lastId = 0;
  #settled: boolean;

  constructor(options: PresenceHubOptions) {
    const { clock, metrics, denies, expectedRelays } = options;
    this.#options = options;
    this.#questions = new Questions(clock);
    this.#settled = expectedRelays() === 0;
    this.#gauges = {
      relays: metrics.gauge('noisefleet_presence_relays', 'Relays whose presence connection stands.'),
      entries: metrics.gauge('noisefleet_presence_registrations', 'Registrations on live sockets, once per relay.'),
    };
    this.#refused = metrics.counter(
      'noisefleet_presence_refused_total',
      'Entries and messages of relays that were refused, by reason.',
      ['reason'],
    );
    clock.after(SETTLE_MS, () => this.#settle());
    denies.subscribe({
      denied: (deny) => this.#tellAll({ type: 'deny', deny }),
      lifted: ({ id }) => this.#tellAll({ type: 'undeny', denyId: id }),
    });
  }

  /** Whether the absence of a registration means that it is not there. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Takes over an authenticated socket. */
  accept(socket: WebSocket, { remoteAddress, pod }: RelayPeer): void {
    const { clock, logger, verifier, registryId, denies, signer } = this.#options;
    this.#lastId += 1;
    const id = this.#lastId;
    const connection = new RelayConnection({
      socket,
      remoteAddress,
      pod,
      clock,
      logger,
      verifier,
      handlers: {
        hello: (relay) => this.#onHello(id, relay),
        snapshot: (entries) => this.#onSnapshot(id, entries),
        message: (message, entry) => this.#onMessage(id, message, entry),
        refused: (reason) => this.#refused.add(1, { reason }),
        closed: () => this.#onClosed(id),
      },
    });
    this.#connections.set(id, connection);
    this.#acks.set(id, new AckRequests((denyId) => connection.send({ type: 'ack-request', denyId })));
    const now = clock.now() / 1000;
    // In this order, and before the relay says anything: it loads keys and denies before it enters presence.
    connection.send({ type: 'hello', registryId, ticketKeys: signer.publicJwks(now), denies: denies.standing() });
  }

  /** Whether the executor of a registration answers its relay within 3 s (`our-side.md` §9). False when it is nowhere. */
  async answers(environmentId: EnvironmentId, registrationId: RegistrationId): Promise<boolean> {
    const holders = this.#options.table
      .routes(environmentId)
      .filter((route) => route.ticket.registrationId === registrationId)
      .map((route) => this.#connections.get(route.connection))
      .filter((connection) => connection !== undefined);
    const answers = holders.map((connection) => {
      const nonce = randomUUID();
      const answer = this.#questions.ask(nonce);
      connection.send({ type: 'ping', nonce, registrationId });
      return answer.then((alive) => (alive ? true : Promise.reject(new Error('no answer'))));
    });
    return Promise.any(answers).catch(() => false);
  }

  /** The set of ticket keys is another one. */
  tellTicketKeys(): void {
    const { signer, clock } = this.#options;
    this.#tellAll({ type: 'ticketKeys', ticketKeys: signer.publicJwks(clock.now() / 1000) });
  }

  /** Probes through this relay are answered again, or no longer: it hears of it, and so does everybody who chooses a relay. */
  setForwards(connection: ConnectionId, forwards: boolean): void {
    this.#options.table.setForwards(connection, forwards);
    this.#connections.get(connection)?.send({ type: 'forwarding', answered: forwards });
    this.#changed();
  }

  async close(): Promise<void> {
    this.#questions.close();
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }

  #onHello(id: ConnectionId, relay: RelayAddress): boolean {
    const { table, clock } = this.#options;
    if (table.isElsewhere(relay)) return false;
    for (const stale of table.hello(id, relay, clock.now())) this.#connections.get(stale)?.cut();
    this.#measure();
    return true;
  }

  #onSnapshot(id: ConnectionId, entries: readonly VerifiedEntry[]): void {
    const { table, clock, denies, expectedRelays } = this.#options;
    table.snapshot(id, entries, clock.now());
    this.#acks.get(id)?.begin(denies.standing());
    if (table.reportingRelays().size >= expectedRelays()) this.#settle();
    for (const { ticket } of entries) this.#appeared(ticket);
    this.#changed();
  }

  #onMessage(id: ConnectionId, message: Delta, entry: VerifiedEntry | undefined): void {
    const { table, clock, penalties, denies } = this.#options;
    const now = clock.now();
    switch (message.type) {
      case 'add':
        if (entry === undefined) return;
        table.add(id, entry, now);
        this.#appeared(entry.ticket);
        this.#changed(entry.ticket.environmentId);
        return;
      case 'remove':
        this.#changed(table.remove(id, message.registrationId, now));
        this.#connections.get(id)?.send({ type: 'removed', registrationId: message.registrationId });
        return;
      case 'sessions':
        this.#changed(table.sessions(id, message.registrationId, message.sessions));
        return;
      case 'load':
        table.load(id, message, now);
        this.#measure();
        return;
      case 'lost':
        table.suspect(message.bootId, now);
        return;
      case 'pong':
        this.#questions.answer(message.nonce, message.alive);
        return;
      case 'ack':
        denies.acknowledged(message.denyId, { by: `relay ${this.#connections.get(id)?.name ?? ''}` });
        this.#acks.get(id)?.answered();
        return;
      case 'access':
        // A relay of an earlier release lists probes too: they have no grant, and need none.
        this.#options.audit.access(message.entries.filter((entry) => !isProbe(entry)));
        return;
      case 'penalty':
        // A relay speaks for the executors that it has, and for no other.
        if (table.reports(id, message.environmentId))
          penalties.impose(message.identityHash, message.environmentId, message.untilSeconds, now / 1000);
        return;
      default:
        message satisfies never;
    }
  }

  #onClosed(id: ConnectionId): void {
    this.#connections.delete(id);
    this.#acks.delete(id);
    const { table, clock } = this.#options;
    table.lost(id, clock.now());
    this.#changed();
    clock.after(LOST_GRACE_MS, () => this.#measure());
  }

  #appeared(ticket: ExecutorTicket): void {
    const { onClaim, audit } = this.#options;
    audit.executor(ticket);
    if (ticket.runtime === 'external') onClaim(ticket.environmentId);
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.onChange();
  }

  #changed(environmentId?: EnvironmentId): void {
    this.#measure();
    this.#options.onChange(environmentId);
  }

  #measure(): void {
    const { relays, entries } = this.#options.table.counts();
    this.#gauges.relays.set(relays);
    this.#gauges.entries.set(entries);
    const { table, clock, onServing } = this.#options;
    onServing({ count: table.serving(), notForwarding: table.notForwarding(clock.now()) });
  }

  #tellAll(message: PresenceToRelay): void {
    const text = presenceToRelay.encode(message);
    for (const connection of this.#connections.values()) connection.sendText(text);
  }
}

type Delta = Exclude<PresenceToRegistry, { type: 'hello' | 'snapshot' }>;
