import { createLogger } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import {
  type BootId,
  type ExecutorTicket,
  environmentIdOf,
  type Fingerprint,
  type Incarnation,
  type RegistrationId,
  registrationIdOf,
} from '../../wire/index.ts';
import { type ConnectDecision, decideConnect, MAX_HOLD_MS } from '../api/connect.ts';
import { decideRegister, type RegisterDecision } from '../api/register.ts';
import { usableRoutes } from '../context.ts';
import { DenyBoard } from '../denies/deny-board.ts';
import { DENY_SECONDS, denyActionOf } from '../denies/from-directory.ts';
import type { EnvironmentRecord, KeyRecord } from '../directory/directory.ts';
import { type DirectoryView, EMPTY_DIRECTORY_VIEW } from '../directory/view.ts';
import { changesBetween } from '../directory/view-changes.ts';
import { namespaceView } from '../kubernetes/cluster-view.ts';
import { RELAY, someExecutor } from '../kubernetes/testing/facts.ts';
import { PresenceTable } from '../presence/table.ts';

const ENVIRONMENT = environmentIdOf('team-a', 'build');
const DOMAIN = { ...RELAY, relay: { allowed: 'All', replicas: 2 } } as const;

/** One version of what the operator wrote about an executor. */
export interface Recorded {
  readonly fence: Incarnation | undefined;
  /** Whether its Relay takes it. */
  readonly served: boolean;
  readonly keys: readonly KeyRecord[];
}

/** What a relay says. */
export type Word =
  | { readonly type: 'snapshot'; readonly tickets: readonly ExecutorTicket[] }
  | { readonly type: 'add'; readonly ticket: ExecutorTicket }
  | { readonly type: 'remove'; readonly registrationId: RegistrationId };

interface Link {
  readonly connection: number;
  readonly underWay: Word[];
  /** What this connection has said to be there. */
  readonly told: Set<RegistrationId>;
}

/** All of a registry that decides which key is handed out, and whose key may register, without its sockets: what it hears comes when a test says. */
export class DeliveryRegistry {
  readonly #clock = new ManualClock();
  readonly #links: Link[];
  #table = new PresenceTable();
  #board = this.#newBoard();
  #view: DirectoryView = EMPTY_DIRECTORY_VIEW;
  #connections = 0;
  /** Which version of the record it has seen. */
  seen = 0;

  constructor(relays: number) {
    this.#links = Array.from({ length: relays }, () => this.#newLink());
  }

  /** Nothing is remembered but what the API server has. */
  restart(): void {
    this.#table = new PresenceTable();
    this.#board = this.#newBoard();
    this.#view = EMPTY_DIRECTORY_VIEW;
  }

  see(records: readonly Recorded[], version: number): void {
    const recorded = records[version];
    if (recorded === undefined) return;
    this.seen = version;
    const { fence, served } = recorded;
    const keys = recorded.keys.filter(({ state }) => state !== 'Destroyed');
    const executors = [someExecutor({ fence, keys, accepted: served })];
    const [before, now] = [this.#view, this.#clock.now()];
    this.#view = namespaceView(before, { executors, grants: [] }, DOMAIN);
    for (const change of changesBetween({ view: before, now }, { view: this.#view, now })) {
      const action = denyActionOf(change);
      if (action?.type === 'deny') this.#board.deny(action.target, DENY_SECONDS);
      if (action?.type === 'lift') this.#board.lift(action.target);
    }
  }

  /** The relay is there again, and says first what it has. */
  reconnect(relay: number, bootId: BootId, tickets: readonly ExecutorTicket[]): void {
    const before = this.#links[relay];
    if (before !== undefined) this.#table.lost(before.connection, this.#clock.now());
    const link = this.#newLink();
    this.#links[relay] = link;
    const address = `10.0.0.${relay + 1}:8443`;
    this.#table.hello(link.connection, { bootId, address }, this.#clock.now());
    link.underWay.push({ type: 'snapshot', tickets });
  }

  tell(relay: number, word: Word): void {
    this.#links[relay]?.underWay.push(word);
  }

  /** The next word of a relay. False when there is none. */
  hear(relay: number): boolean {
    const link = this.#links[relay];
    const word = link?.underWay.shift();
    if (link === undefined || word === undefined) return false;
    const { connection, told } = link;
    const now = this.#clock.now();
    switch (word.type) {
      case 'snapshot': {
        const entries = word.tickets.map((ticket) => ({ ticket, sessions: [] }));
        this.#table.snapshot(connection, entries, now);
        for (const { registrationId } of word.tickets) told.add(registrationId);
        return true;
      }
      case 'add':
        this.#table.add(connection, { ticket: word.ticket, sessions: [] }, now);
        told.add(word.ticket.registrationId);
        return true;
      case 'remove':
        this.#table.remove(connection, word.registrationId, now);
        told.delete(word.registrationId);
        return true;
      default:
        return word satisfies never;
    }
  }

  hearAll(relay: number): void {
    while (this.hear(relay));
  }

  register(incarnation: Incarnation, fingerprint: Fingerprint): RegisterDecision {
    return decideRegister({
      now: this.#clock.now(),
      closing: false,
      synced: true,
      environmentId: ENVIRONMENT,
      executor: { outcome: 'proven', environmentId: ENVIRONMENT, incarnation },
      record: this.record,
      fingerprint,
      claim: undefined,
      claimAnswers: undefined,
      firstRegistrationTime: undefined,
    });
  }

  /** What a new harness hears that has waited as long as it may, or has not waited. */
  connect(hasWaited: boolean): ConnectDecision {
    const now = this.#clock.now();
    return decideConnect({
      now,
      arrivedAt: hasWaited ? now - MAX_HOLD_MS : now,
      closing: false,
      directory: { synced: true, complete: true },
      client: { outcome: 'proven', identity: 'sa:team-a/runner' },
      record: this.record,
      grant: 'team-a/ci',
      presenceSettled: true,
      routes: usableRoutes({ table: this.#table, denies: this.#board }, ENVIRONMENT),
      session: undefined,
    });
  }

  /** Whether relays cut this registration because of what this registry says. */
  denies(incarnation: Incarnation, fingerprint: Fingerprint): boolean {
    const registrationId = registrationIdOf(ENVIRONMENT, incarnation, fingerprint);
    return this.#board.against({ environmentId: ENVIRONMENT, registrationId, incarnation, fingerprint }) !== undefined;
  }

  get record(): EnvironmentRecord | undefined {
    return this.#view.environments.get(ENVIRONMENT);
  }

  /** Whether the last word of some relay whose connection stands was that this registration is there. */
  wasTold(registrationId: RegistrationId): boolean {
    return this.#links.some(({ told }) => told.has(registrationId));
  }

  #newLink(): Link {
    this.#connections += 1;
    return { connection: this.#connections, underWay: [], told: new Set() };
  }

  #newBoard(): DenyBoard {
    return new DenyBoard({ clock: this.#clock, logger: createLogger({ component: 'test', level: 'silent' }) });
  }
}
