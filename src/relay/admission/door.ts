import type { Clock } from '../../telemetry/index.ts';
import type { BootId, ExecutorTicket } from '../../wire/index.ts';
import type { HandshakeGate } from '../handshakes.ts';
import { ALONE_MS, type RelayLimits } from '../limits.ts';
import type { SocketKind } from '../meters.ts';
import type { Routes } from '../routes.ts';
import type { DenyList } from './denies.ts';
import { Refusal } from './refusal.ts';
import { TicketChecks } from './ticket-checks.ts';
import type { TicketKeys } from './ticket-keys.ts';
import type { UsedTickets } from './used-tickets.ts';
import type { Visitors } from './visitors.ts';

interface DoorParts {
  readonly bootId: BootId;
  readonly limits: RelayLimits;
  readonly clock: Clock;
  readonly keys: TicketKeys;
  readonly denies: DenyList;
  readonly used: UsedTickets;
  readonly visitors: Visitors;
  readonly gate: HandshakeGate;
  readonly routes: Routes;
  readonly socketCount: () => number;
  /** For how long no registry has told this relay anything, in milliseconds. */
  readonly aloneMs: () => number;
}

/** Everything an upgrade is checked against. */
export class Door {
  readonly bootId: BootId;
  readonly limits: RelayLimits;
  readonly clock: Clock;
  readonly keys: TicketKeys;
  readonly denies: DenyList;
  readonly used: UsedTickets;
  readonly visitors: Visitors;
  readonly gate: HandshakeGate;
  readonly routes: Routes;
  readonly checks = new TicketChecks();
  readonly #socketCount: () => number;
  readonly #aloneMs: () => number;
  /** Registration → expiry of the ticket whose socket was closed to be renewed (seconds). */
  readonly #renew = new Map<string, number>();
  /** False while no registry gets its probes through this relay. */
  forwards = true;
  #draining = false;
  #closedToHarnesses = false;

  constructor(parts: DoorParts) {
    this.bootId = parts.bootId;
    this.limits = parts.limits;
    this.clock = parts.clock;
    this.keys = parts.keys;
    this.denies = parts.denies;
    this.used = parts.used;
    this.visitors = parts.visitors;
    this.gate = parts.gate;
    this.routes = parts.routes;
    this.#socketCount = parts.socketCount;
    this.#aloneMs = parts.aloneMs;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Whether no registry hears of who comes in here. */
  get isAlone(): boolean {
    return this.#aloneMs() >= ALONE_MS;
  }

  /** No more executors. */
  drain(): void {
    this.#draining = true;
  }

  /** No more harnesses either. */
  shut(): void {
    this.#draining = true;
    this.#closedToHarnesses = true;
  }

  nowSeconds(): number {
    return this.clock.now() / 1_000;
  }

  /**
   * What does not depend on the ticket.
   *
   * @throws Refusal 503 for executors, which dial again; 401 for harnesses, which ask `connect` again
   */
  checkOpen(role: SocketKind): void {
    const status = role === 'executor' ? 503 : 401;
    const closed = role === 'executor' ? this.#draining : this.#closedToHarnesses;
    if (closed) throw new Refusal(status, 'draining', 'this relay is going away');
    if (!this.keys.loaded)
      throw new Refusal(status, 'not_synced', 'no registry has told this relay its ticket keys yet');
    if (this.#socketCount() >= this.limits.maxSockets) {
      throw new Refusal(status, 'overloaded', 'too many sockets', { limit: 'sockets' });
    }
  }

  /**
   * Counts an upgrade of whoever a good ticket names: an identity, or a registration.
   *
   * @throws Refusal 503 for executors; 401 for harnesses
   */
  countUpgrade(role: SocketKind, who: string): void {
    if (!this.visitors.knock(who, this.clock.now())) throw tooManyUpgrades(role);
  }

  /**
   * Whether `countUpgrade` would refuse a harness of this identity. Counts nothing: nobody has proved to be that identity yet.
   *
   * @throws Refusal
   */
  checkUpgrades(identityHash: string): void {
    if (this.visitors.knocksTooOften(identityHash, this.clock.now())) throw tooManyUpgrades('harness');
  }

  /** From now on a ticket of this registration that ends no later than `ticket` is refused. */
  askToRenew(ticket: ExecutorTicket): void {
    this.#renew.set(ticket.registrationId, ticket.expiresAt);
  }

  mustRenew({ registrationId, expiresAt }: ExecutorTicket): boolean {
    return expiresAt <= (this.#renew.get(registrationId) ?? 0);
  }

  /** To be called about every second. `marginSeconds`: clock tolerance of the ticket verifier. */
  sweep(marginSeconds: number): void {
    const now = this.nowSeconds();
    this.used.sweep(now, marginSeconds);
    this.denies.sweep(now);
    this.routes.sweep(this.clock.now());
    this.visitors.sweep(this.clock.now());
    for (const [id, expiresAt] of this.#renew) if (expiresAt + marginSeconds < now) this.#renew.delete(id);
  }
}

function tooManyUpgrades(role: SocketKind): Refusal {
  const status = role === 'executor' ? 503 : 401;
  return new Refusal(status, 'rate_limited', 'too many upgrades; slow down', { limit: 'identity_upgrades' });
}
