import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import {
  type Access,
  type Deny,
  distinctAccess,
  isProbe,
  type PresenceEntry,
  type PresenceToRegistry,
  type RegistrationId,
} from '../wire/index.ts';
import { denyMatches, executorSubject, harnessSubject } from './admission/denies.ts';
import type { Door } from './admission/door.ts';
import type { AdmittedHarness } from './admission/harness.ts';
import { endUnfinished } from './capacity/unfinished-messages.ts';
import type { RelayContext } from './context.ts';
import { PRESENCE_PACE_MS, REGISTRATION_PING_MS } from './limits.ts';
import type { Levels } from './meters.ts';
import { Pacer } from './pacer.ts';
import { CLOSE } from './sockets/endpoint.ts';
import { type ExecutorEvents, ExecutorSocket } from './sockets/executor-socket.ts';
import { HarnessSocket, partyOf } from './sockets/harness-socket.ts';
import type { Misplaced, Splicer } from './splice/splicer.ts';
import { ticketVerdict } from './ticket-life.ts';

export interface Accepted {
  readonly ws: WebSocket;
  readonly socket: Duplex;
}

export interface RendezvousOptions {
  readonly context: RelayContext;
  readonly door: Door;
  readonly splicer: Splicer;
  /** Reports to every registry. */
  readonly tell: (message: PresenceToRegistry) => void;
}

/** The live sockets of one relay: who is here, who is present, and what ends them. */
export class Rendezvous {
  readonly #context: RelayContext;
  readonly #door: Door;
  readonly #splicer: Splicer;
  readonly #tell: RendezvousOptions['tell'];
  readonly #executors = new Set<ExecutorSocket>();
  readonly #harnesses = new Set<HarnessSocket>();
  readonly #present = new Set<RegistrationId>();
  readonly #events: ExecutorEvents;
  readonly #tickets: Pacer<ExecutorSocket>;
  readonly #sessions: Pacer<ExecutorSocket>;

  constructor({ context, door, splicer, tell }: RendezvousOptions) {
    this.#context = context;
    this.#door = door;
    this.#splicer = splicer;
    this.#tell = tell;
    this.#tickets = new Pacer(context.clock, PRESENCE_PACE_MS, (executor) => this.#ticketChanged(executor));
    this.#sessions = new Pacer(context.clock, PRESENCE_PACE_MS, (executor) => this.#sessionsChanged(executor));
    this.#events = {
      entered: (executor) => this.#enter(executor),
      changed: (executor, what) => (what === 'ticket' ? this.#tickets : this.#sessions).changed(executor),
      left: (executor) => this.#leavePresence(executor),
      closed: (executor, reason) => this.#executorClosed(executor, reason),
      verifyTicket: (token) => door.keys.verifier.verifyExecutorTicket(token, door.nowSeconds()),
    };
  }

  get socketCount(): number {
    return this.#executors.size + this.#harnesses.size + 2 * this.#splicer.splices.size;
  }

  get executors(): ReadonlySet<ExecutorSocket> {
    return this.#executors;
  }

  get harnesses(): ReadonlySet<HarnessSocket> {
    return this.#harnesses;
  }

  get splices(): Splicer['splices'] {
    return this.#splicer.splices;
  }

  levels(): Omit<Levels, 'presence' | 'forwards' | 'unfinished'> {
    let streams = 0;
    for (const executor of this.#executors) streams += executor.streamCount;
    const { backlog, uploads } = this.#context.budgets;
    const sockets = {
      executor: this.#executors.size,
      harness: this.#harnesses.size,
      splice: this.#splicer.splices.size,
    };
    return { sockets, streams, backlogBytes: backlog.total, uploadBytes: uploads.total };
  }

  /** What a registry's snapshot holds. */
  entries(): PresenceEntry[] {
    const present = [...this.#executors].filter((executor) => this.#isPresent(executor));
    return present.map(({ token, sessions }) => ({ ticket: token, sessions: [...sessions] }));
  }

  /** Who is connected to whom, and by which grant: a registry that was away compares it with what is allowed now. */
  access(): Access[] {
    return distinctAccess([...this.#harnesses].map(({ ticket }) => ticket).filter((ticket) => !isProbe(ticket)));
  }

  acceptExecutor({ ws, socket }: Accepted, token: string, ticket: ExecutorSocket['ticket']): void {
    const executor = new ExecutorSocket({ context: this.#context, ws, socket, token, ticket, events: this.#events });
    this.#executors.add(executor);
    const { environmentId: environment, registrationId: registration, keyId: key, runtime } = ticket;
    this.#context.logger.info({ environment, registration, key, runtime }, 'executor socket opened');
    this.#door.routes.set(executor)?.close('replaced');
    executor.start();
  }

  acceptHarness({ ws, socket }: Accepted, { ticket, executor }: AdmittedHarness): void {
    const context = this.#context;
    const bucket = this.#door.visitors.enter(partyOf(ticket), ticket.identityHash, context.clock.now());
    const onClosed = (harness: HarnessSocket, reason: string) => this.#harnessClosed(harness, reason);
    this.#harnesses.add(new HarnessSocket({ context, ws, socket, ticket, executor, bucket, onClosed }));
    if (isProbe(ticket)) context.traffic.probes += 1;
    else context.logger.info(harnessFields(ticket), 'harness socket opened');
  }

  /**
   * Passes a harness on to the relay that its ticket names. Here it counts as a socket of its identity, there as everything else.
   *
   * @throws Refusal
   */
  async splice(misplaced: Misplaced, signal: AbortSignal): Promise<void> {
    const { ticket } = misplaced;
    const { clock, logger } = this.#context;
    const { visitors } = this.#door;
    const leave = () => visitors.passed(ticket.identityHash, clock.now());
    visitors.pass(ticket.identityHash, clock.now());
    try {
      await this.#splicer.join(misplaced, signal, () => {
        leave();
        logger.info(harnessFields(ticket), 'harness no longer passed on');
      });
    } catch (error) {
      leave();
      throw error;
    }
    logger.info({ ...harnessFields(ticket), relay: ticket.bootId }, 'harness passed on to another relay');
  }

  /** Closes an executor's socket; from now on nobody is sent here for it. */
  dismiss(executor: ExecutorSocket): void {
    this.#leavePresence(executor);
    executor.close('draining');
  }

  /**
   * What comes in here does not come out. Harnesses recover at another relay; so do real executors, which have no socket anywhere else. Our
   * sidecars stay, for their probes tell when it is mended.
   */
  release(): void {
    for (const harness of this.#harnesses) if (!isProbe(harness.ticket)) harness.end('not_forwarding');
    for (const executor of this.#executors) if (executor.ticket.runtime === 'external') this.dismiss(executor);
  }

  /** Does the executor of this registration answer a ping? */
  probe(registrationId: RegistrationId): Promise<boolean> {
    return this.#door.routes.find(registrationId)?.probe(REGISTRATION_PING_MS) ?? Promise.resolve(false);
  }

  /** Cuts the sockets that a deny hits. A retired key leaves presence now and its socket when its last stream ended (our-side.md §7). */
  apply(deny: Deny): void {
    for (const executor of this.#executors) {
      if (!denyMatches(deny, executorSubject(executor.ticket))) continue;
      if (deny.reason === 'key_retired') this.#leavePresence(executor);
      else executor.close(deny.reason, CLOSE.policy);
    }
    if (deny.reason === 'key_retired') return;
    for (const harness of this.#harnesses) {
      if (denyMatches(deny, harnessSubject(harness.ticket))) harness.end(deny.reason);
    }
    for (const splice of this.#splicer.splices) {
      if (denyMatches(deny, harnessSubject(splice.ticket))) splice.end();
    }
  }

  /** To be called about every second; returns how many harnesses were ended for what they had sent only in part. */
  sweep(now: number): number {
    this.#context.gate.sweep(now);
    for (const harness of this.#harnesses) harness.sweep(now);
    for (const executor of this.#executors) {
      executor.sweep(now);
      this.#checkTicket(executor, now);
    }
    return endUnfinished(this.#harnesses, this.#context.limits.processUploadBytes);
  }

  #checkTicket(executor: ExecutorSocket, now: number): void {
    const { ticket } = executor;
    const quiet = executor.streamCount === 0;
    const verdict = ticketVerdict(ticket, executor.acceptedAt / 1_000, now / 1_000);
    if (verdict === 'close' || (verdict === 'close_when_quiet' && quiet)) {
      this.#door.askToRenew(ticket);
      executor.close('ticket_renewal');
    }
    if (quiet && this.#door.denies.find(executorSubject(ticket), now / 1_000)?.reason === 'key_retired') {
      executor.close('key_retired');
    }
  }

  #isPresent(executor: ExecutorSocket): boolean {
    const { registrationId } = executor.ticket;
    return this.#present.has(registrationId) && this.#door.routes.find(registrationId) === executor;
  }

  #enter(executor: ExecutorSocket): void {
    if (this.#door.routes.find(executor.ticket.registrationId) !== executor) return;
    this.#present.add(executor.ticket.registrationId);
    this.#tell({ type: 'add', entry: { ticket: executor.token, sessions: [...executor.sessions] } });
  }

  #ticketChanged(executor: ExecutorSocket): void {
    if (this.#isPresent(executor)) this.#enter(executor);
  }

  #sessionsChanged(executor: ExecutorSocket): void {
    const { registrationId } = executor.ticket;
    if (this.#isPresent(executor)) this.#tell({ type: 'sessions', registrationId, sessions: [...executor.sessions] });
  }

  #leavePresence({ ticket: { registrationId } }: ExecutorSocket): void {
    if (this.#present.delete(registrationId)) this.#tell({ type: 'remove', registrationId });
  }

  #executorClosed(executor: ExecutorSocket, reason: string): void {
    this.#executors.delete(executor);
    if (this.#door.routes.delete(executor)) this.#leavePresence(executor);
    const { environmentId: environment, registrationId: registration, keyId: key } = executor.ticket;
    const seconds = (this.#context.clock.now() - executor.acceptedAt) / 1_000;
    this.#context.logger.info({ environment, registration, key, reason, seconds }, 'executor socket closed');
  }

  #harnessClosed(harness: HarnessSocket, reason: string): void {
    const { ticket, openedAt, bytesToExecutor, bytesToHarness } = harness;
    this.#harnesses.delete(harness);
    const now = this.#context.clock.now();
    this.#door.visitors.leave(partyOf(ticket), ticket.identityHash, now);
    const seconds = (now - openedAt) / 1_000;
    const fields = { ...harnessFields(ticket), bytesToExecutor, bytesToHarness, reason, seconds };
    // The access log is about people and their programs.
    if (isProbe(ticket)) this.#context.logger.debug(fields, 'probe ended');
    else this.#context.logger.info(fields, 'harness socket closed');
  }
}

/** The access log's fields: names and hashes, and the audit id that registry and sidecar log too. */
function harnessFields(ticket: HarnessSocket['ticket']) {
  return {
    audit: ticket.jti,
    identity: ticket.identityHash,
    grant: ticket.grant,
    environment: ticket.environmentId,
    registration: ticket.registrationId,
    harness: ticket.harnessKeyHash,
  };
}
