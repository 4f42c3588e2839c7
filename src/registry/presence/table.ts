import type {
  BootId,
  EnvironmentId,
  ExecutorTicket,
  Incarnation,
  KeyHash,
  RegistrationId,
  SessionEntry,
} from '../../wire/index.ts';

/** How long a copy of a session table outlives the presence it came by (`our-side.md` §6): as long as the sidecar keeps the session. */
export const SESSION_COPY_MS = 120_000;

/** So long a relay that another one could not reach is the last choice, whatever it says of itself; one that is dead is lost by then. */
export const SUSPECT_MS = 15_000;

/**
 * So long a relay that is in presence no more is not called lost: one whose connection broke is back at once. Milliseconds.
 */
export const LOST_GRACE_MS = 5_000;

/** Lost relays that are remembered, the newest: more replicas never live on beside the registries that they lost. */
const MAX_LOST = 32;

/** One presence connection: not a relay, which may be connected twice for a moment, nor its boot id, which it chooses. */
export type ConnectionId = number;

/** An entry of a relay whose executor ticket was verified here. */
export interface VerifiedEntry {
  readonly ticket: ExecutorTicket;
  readonly sessions: readonly SessionEntry[];
}

export interface RelayAddress {
  readonly bootId: BootId;
  /** `host:port`: the observed peer address of the connection and the port of its hello. */
  readonly address: string;
}

export interface RelayLoad {
  readonly streams: number;
  readonly bytesPerSecond: number;
  readonly draining: boolean;
}

/** A registration that is present on a live socket of a relay that is present here. */
export interface Route extends RelayAddress {
  readonly connection: ConnectionId;
  readonly ticket: ExecutorTicket;
  readonly load: RelayLoad;
  /** Another relay could not reach this one a moment ago. */
  readonly suspect: boolean;
  /** False while probes through it are not answered (`../probes`). */
  readonly forwards: boolean;
}

/** A relay that can be probed. */
export interface PresentRelay extends RelayAddress {
  readonly connection: ConnectionId;
  /** It goes away, or another relay did not reach it: it may refuse harnesses. */
  readonly draining: boolean;
  /** Registrations of our sidecars on its sockets. A real executor is not probed: it counts failed handshakes. */
  readonly sidecars: readonly ExecutorTicket[];
}

export interface SessionCopy {
  readonly registrationId: RegistrationId;
  readonly incarnation: Incarnation;
}

interface Relay extends RelayAddress {
  readonly connection: ConnectionId;
  readonly entries: Map<RegistrationId, ExecutorTicket>;
  load: RelayLoad;
  forwards: boolean;
  /** When another relay could not reach it, in milliseconds since the epoch. */
  suspectedAt: number | undefined;
  /** True after its snapshot: before that its deltas say nothing. */
  snapshotSeen: boolean;
}

/** What one incarnation of one executor says about its sessions. */
interface SessionTable {
  readonly environmentId: EnvironmentId;
  readonly incarnation: Incarnation;
  sessions: ReadonlyMap<KeyHash, RegistrationId>;
  /** Set while no registration of the incarnation is present, in milliseconds since the epoch. */
  expiresAt: number | undefined;
}

const NO_LOAD: RelayLoad = { streams: 0, bytesPerSecond: 0, draining: false };

/**
 * What all relays report, as data: who is present where, and which harness belongs to which key. It holds no socket and no clock; each
 * transition gets its time, in milliseconds since the epoch. A route exists exactly while the connection that brought it stands and
 * the last word of that connection about the registration was that it is there.
 */
export class PresenceTable {
  readonly #relays = new Map<ConnectionId, Relay>();
  /** Which connections report something of an environment, so that a lookup does not visit every relay's entries. */
  readonly #reporters = new Map<EnvironmentId, Map<RegistrationId, Set<ConnectionId>>>();
  readonly #tables = new Map<EnvironmentId, Map<Incarnation, SessionTable>>();
  /** Lives of relays that were here, and since when they are not, oldest first. Most have ended; one that has not holds sockets of which nothing is heard. */
  readonly #lost = new Map<BootId, number>();

  /**
   * A relay introduced itself. Returns the connections that this makes stale: the same life that connected anew, or an earlier life at the
   * same address, which cannot live any more. The caller closes them; their entries are gone already.
   */
  hello(connection: ConnectionId, relay: RelayAddress, now: number): ConnectionId[] {
    const stale = [...this.#relays.values()]
      .filter((other) => other.connection !== connection)
      .filter((other) => other.bootId === relay.bootId || other.address === relay.address)
      .map((other) => other.connection);
    for (const each of stale) this.lost(each, now);
    this.#lost.delete(relay.bootId);
    const fresh = { entries: new Map(), load: NO_LOAD, forwards: true, suspectedAt: undefined, snapshotSeen: false };
    this.#relays.set(connection, { ...relay, connection, ...fresh });
    return stale;
  }

  /** All that the relay holds: what it reported before and does not list now is gone. */
  snapshot(connection: ConnectionId, entries: readonly VerifiedEntry[], now: number): void {
    const relay = this.#relays.get(connection);
    if (relay === undefined) return;
    for (const registrationId of [...relay.entries.keys()]) this.#forget(relay, registrationId, now);
    relay.snapshotSeen = true;
    for (const entry of entries) this.add(connection, entry, now);
  }

  /** One more, or the same with a newer ticket or table. Ignored before the snapshot, as are all deltas. */
  add(connection: ConnectionId, { ticket, sessions }: VerifiedEntry, now: number): void {
    const relay = this.#reporting(connection);
    if (relay === undefined) return;
    relay.entries.set(ticket.registrationId, ticket);
    const ofEnvironment = this.#reporters.get(ticket.environmentId) ?? new Map<RegistrationId, Set<ConnectionId>>();
    this.#reporters.set(ticket.environmentId, ofEnvironment);
    const connections = ofEnvironment.get(ticket.registrationId) ?? new Set();
    ofEnvironment.set(ticket.registrationId, connections.add(connection));
    this.#setSessions(ticket, sessions);
    this.#prune(ticket.environmentId, now);
  }

  /** It is there no more. Returns the environment. */
  remove(connection: ConnectionId, registrationId: RegistrationId, now: number): EnvironmentId | undefined {
    const relay = this.#reporting(connection);
    const environmentId = relay?.entries.get(registrationId)?.environmentId;
    if (relay !== undefined) this.#forget(relay, registrationId, now);
    return environmentId;
  }

  /** A new session table, by way of one registration. It replaces that of its own incarnation and of no other. Returns the environment. */
  sessions(
    connection: ConnectionId,
    registrationId: RegistrationId,
    sessions: readonly SessionEntry[],
  ): EnvironmentId | undefined {
    const ticket = this.#reporting(connection)?.entries.get(registrationId);
    if (ticket !== undefined) this.#setSessions(ticket, sessions);
    return ticket?.environmentId;
  }

  /** It goes on: what it says ends a suspicion that is old enough. */
  load(connection: ConnectionId, load: RelayLoad, now: number): void {
    const relay = this.#relays.get(connection);
    if (relay === undefined) return;
    relay.load = load;
    if (relay.suspectedAt !== undefined && now - relay.suspectedAt >= SUSPECT_MS) relay.suspectedAt = undefined;
  }

  /**
   * Another relay could not reach this one: it is the last choice for a while. It is not taken out: harnesses that land on it need no hop, and
   * the one that says so may itself be the one that is cut off, or stolen.
   */
  suspect(bootId: BootId, now: number): void {
    for (const relay of this.#relays.values()) if (relay.bootId === bootId) relay.suspectedAt = now;
  }

  /** Whether a standing connection from another address speaks for this life of a relay: whoever comes now is not it. */
  isElsewhere({ bootId, address }: RelayAddress): boolean {
    return [...this.#relays.values()].some((relay) => relay.bootId === bootId && relay.address !== address);
  }

  /** Whether something of this environment is present by this connection. */
  reports(connection: ConnectionId, environmentId: EnvironmentId): boolean {
    const reporters = this.#reporters.get(environmentId)?.values() ?? [];
    return [...reporters].some((connections) => connections.has(connection));
  }

  /** Whether probes come through it: one through which none do is the last choice, and does not count as serving. */
  setForwards(connection: ConnectionId, forwards: boolean): void {
    const relay = this.#relays.get(connection);
    if (relay !== undefined) relay.forwards = forwards;
  }

  /** A lost presence takes its entries with it; session tables that nobody else holds up stay for `SESSION_COPY_MS`. */
  lost(connection: ConnectionId, now: number): void {
    const relay = this.#relays.get(connection);
    if (relay === undefined) return;
    for (const registrationId of [...relay.entries.keys()]) this.#forget(relay, registrationId, now);
    this.#relays.delete(connection);
    this.#lost.set(relay.bootId, now);
    for (const oldest of [...this.#lost.keys()].slice(0, -MAX_LOST)) this.#lost.delete(oldest);
  }

  /** Every place where a registration of this environment is present, of any incarnation. */
  routes(environmentId: EnvironmentId): Route[] {
    const routes: Route[] = [];
    for (const [registrationId, connections] of this.#reporters.get(environmentId) ?? []) {
      for (const connection of connections) {
        const relay = this.#relays.get(connection);
        const ticket = relay?.entries.get(registrationId);
        if (relay === undefined || ticket === undefined) continue;
        const { bootId, address, load, forwards, suspectedAt } = relay;
        const suspect = suspectedAt !== undefined;
        routes.push({ connection, bootId, address, load, forwards, suspect, ticket });
      }
    }
    return routes;
  }

  /**
   * The key that this harness has a session under: of the `current` incarnation if it has one there, else of that earlier one which spoke last
   * among those whose key `isServed`.
   */
  session(
    environmentId: EnvironmentId,
    harness: KeyHash,
    current: Incarnation | undefined,
    now: number,
    isServed: (copy: SessionCopy) => boolean = () => true,
  ): SessionCopy | undefined {
    let earlier: SessionCopy | undefined;
    for (const table of this.#tables.get(environmentId)?.values() ?? []) {
      if (table.expiresAt !== undefined && table.expiresAt <= now) continue;
      const registrationId = table.sessions.get(harness);
      if (registrationId === undefined) continue;
      const copy = { registrationId, incarnation: table.incarnation };
      if (table.incarnation === current) return copy;
      if (isServed(copy)) earlier = copy;
    }
    return earlier;
  }

  /** How many sessions an incarnation says that it has; undefined while nobody reports it. */
  sessionCount(environmentId: EnvironmentId, incarnation: Incarnation | undefined): number | undefined {
    const table = incarnation && this.#tables.get(environmentId)?.get(incarnation);
    return table === undefined || table.expiresAt !== undefined ? undefined : table.sessions.size;
  }

  /** Forgets session tables whose time is over, of all environments. */
  expire(now: number): void {
    for (const environmentId of [...this.#tables.keys()]) this.#prune(environmentId, now);
  }

  /** Boot ids whose snapshot was read. */
  reportingRelays(): Set<BootId> {
    return new Set([...this.#relays.values()].filter((relay) => relay.snapshotSeen).map((relay) => relay.bootId));
  }

  /** Relays that may be sent somebody: their snapshot was read, they are not going away, and they forward. */
  serving(): number {
    const serving = [...this.#relays.values()].filter(
      ({ snapshotSeen, load, forwards }) => snapshotSeen && !load.draining && forwards,
    );
    return new Set(serving.map(({ bootId }) => bootId)).size;
  }

  /**
   * Relays at which a socket is not one to rely on: probes do not come through them, or they were lost. Of those that were lost nothing is said while no
   * other serves: there is nowhere else to go.
   */
  notForwarding(now: number): BootId[] {
    const deaf = [...this.#relays.values()].filter(({ forwards }) => !forwards).map(({ bootId }) => bootId);
    const lost = [...this.#lost].filter(([, since]) => since + LOST_GRACE_MS <= now).map(([bootId]) => bootId);
    return this.serving() > 0 ? [...deaf, ...lost] : deaf;
  }

  /** All relays whose snapshot was read, as probes see them. */
  present(): PresentRelay[] {
    return [...this.#relays.values()]
      .filter(({ snapshotSeen }) => snapshotSeen)
      .map(({ connection, bootId, address, entries, load, suspectedAt }) => ({
        ...{ connection, bootId, address, draining: load.draining || suspectedAt !== undefined },
        sidecars: [...entries.values()].filter(({ runtime }) => runtime === 'sidecar'),
      }));
  }

  counts(): { relays: number; entries: number; sessionTables: number } {
    let entries = 0;
    for (const relay of this.#relays.values()) entries += relay.entries.size;
    let sessionTables = 0;
    for (const tables of this.#tables.values()) sessionTables += tables.size;
    return { relays: this.#relays.size, entries, sessionTables };
  }

  #reporting(connection: ConnectionId): Relay | undefined {
    const relay = this.#relays.get(connection);
    return relay?.snapshotSeen ? relay : undefined;
  }

  #setSessions({ environmentId, incarnation }: ExecutorTicket, sessions: readonly SessionEntry[]): void {
    const tables = this.#tables.get(environmentId) ?? new Map<Incarnation, SessionTable>();
    this.#tables.set(environmentId, tables);
    // Who spoke last comes last.
    tables.delete(incarnation);
    tables.set(incarnation, {
      environmentId,
      incarnation,
      sessions: new Map(sessions.map((each) => [each.harness, each.registrationId])),
      expiresAt: undefined,
    });
  }

  #forget(relay: Relay, registrationId: RegistrationId, now: number): void {
    const ticket = relay.entries.get(registrationId);
    if (ticket === undefined) return;
    relay.entries.delete(registrationId);
    const ofEnvironment = this.#reporters.get(ticket.environmentId);
    const connections = ofEnvironment?.get(registrationId);
    connections?.delete(relay.connection);
    if (connections?.size === 0) ofEnvironment?.delete(registrationId);
    if (ofEnvironment?.size === 0) this.#reporters.delete(ticket.environmentId);
    this.#startExpiry(ticket, now);
  }

  #startExpiry({ environmentId, incarnation }: ExecutorTicket, now: number): void {
    const table = this.#tables.get(environmentId)?.get(incarnation);
    const heldUp = this.routes(environmentId).some((route) => route.ticket.incarnation === incarnation);
    if (table !== undefined && !heldUp) table.expiresAt = now + SESSION_COPY_MS;
  }

  #prune(environmentId: EnvironmentId, now: number): void {
    const tables = this.#tables.get(environmentId);
    for (const [incarnation, table] of tables ?? []) {
      if (table.expiresAt !== undefined && table.expiresAt <= now) tables?.delete(incarnation);
    }
    if (tables?.size === 0) this.#tables.delete(environmentId);
  }
}
