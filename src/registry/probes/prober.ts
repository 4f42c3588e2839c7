import type { Clock, Counter, Gauge, Logger, Metrics } from '../../telemetry/index.ts';
import type { ExecutorTicket, RegistrationId, TicketSigner } from '../../wire/index.ts';
import type { ConnectionId, PresenceTable, PresentRelay } from '../presence/table.ts';
import { decideForwarding, type ProbedRelay } from './forwarding.ts';
import { type ProbeResult, probe, type RelayTls } from './probe.ts';

/** Between two probes of one relay, give or take a quarter: replicas of the registry that started together drift apart. */
const PROBE_INTERVAL_MS = 5_000;
const JITTER = 0.25;
/** How often it is looked whose turn it is, and who came or went. */
const LOOK_MS = 1_000;
/** Unanswered probes that are remembered: more than make a verdict, so that other registrations may join the evidence. */
const MAX_REMEMBERED = 16;

export interface ProberOptions {
  readonly table: Pick<PresenceTable, 'present'>;
  readonly signer: TicketSigner;
  readonly tls: RelayTls | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random: () => number;
  /** The verdict about a relay is another one. */
  readonly onVerdict: (connection: ConnectionId, forwards: boolean) => void;
}

/** What is remembered of one presence connection: a relay that connects anew starts anew. */
interface Subject {
  forwards: boolean;
  unanswered: RegistrationId[];
  answeredAt: number | undefined;
  /** The registration that was probed last: the next is another one. */
  last: RegistrationId | undefined;
  /** Its turn has come, and it is not being probed. */
  due: boolean;
}

/** Probes each relay in presence end to end, one at a time and about every 5 s, and says when one does not forward (docs/adr/0009). */
export class Prober {
  readonly #options: ProberOptions;
  readonly #subjects = new Map<ConnectionId, Subject>();
  readonly #probes: Counter;
  readonly #notForwarding: Gauge;
  #closed = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#probes = metrics.counter(
      'noisefleet_registry_probes_total',
      'Probes through relays to sidecars and back: answered, unanswered, or unclear (the relay said why not).',
      ['result'],
    );
    this.#notForwarding = metrics.gauge(
      'noisefleet_registry_relays_not_forwarding',
      'Relays in presence whose probes are not answered while those of another are.',
    );
  }

  start(): void {
    this.#options.clock.after(LOOK_MS, () => {
      if (this.#closed) return;
      this.#look();
      this.start();
    });
  }

  close(): void {
    this.#closed = true;
  }

  #look(): void {
    const relays = this.#options.table.present();
    const connections = new Set(relays.map(({ connection }) => connection));
    for (const connection of this.#subjects.keys()) {
      if (!connections.has(connection)) this.#subjects.delete(connection);
    }
    for (const relay of relays) {
      const subject = this.#subjectOf(relay.connection);
      const executor = nextAfter(subject.last, relay.sidecars);
      if (executor === undefined || relay.draining || !subject.due) continue;
      void this.#probe(relay, executor, subject);
    }
    this.#judge(relays);
  }

  #subjectOf(connection: ConnectionId): Subject {
    const known = this.#subjects.get(connection);
    if (known !== undefined) return known;
    const subject: Subject = { forwards: true, unanswered: [], answeredAt: undefined, last: undefined, due: false };
    this.#subjects.set(connection, subject);
    // Anywhere in the first interval: relays that come back together are not probed together.
    this.#dueIn(this.#options.random() * PROBE_INTERVAL_MS, subject);
    return subject;
  }

  #dueIn(milliseconds: number, subject: Subject): void {
    this.#options.clock.after(milliseconds, () => {
      subject.due = true;
    });
  }

  async #probe(relay: PresentRelay, executor: ExecutorTicket, subject: Subject): Promise<void> {
    const { signer, tls, clock, logger, random } = this.#options;
    const { registrationId } = executor;
    subject.due = false;
    subject.last = registrationId;
    const found = await probe({ relay, executor, signer, tls, clock });
    if (this.#closed) return;
    this.#dueIn(PROBE_INTERVAL_MS * (1 - JITTER + 2 * JITTER * random()), subject);
    const result = found === 'unanswered' && !this.#isThere(relay, registrationId) ? 'unclear' : found;
    this.#probes.add(1, { result });
    logger.debug({ relay: relay.bootId, registration: registrationId, result }, 'relay probed');
    this.#remember(subject, registrationId, result);
    this.#judge(this.#options.table.present());
  }

  /** An executor that went meanwhile could not answer. */
  #isThere({ connection }: PresentRelay, registrationId: RegistrationId): boolean {
    const relay = this.#options.table.present().find((each) => each.connection === connection);
    return relay?.sidecars.some((ticket) => ticket.registrationId === registrationId) === true;
  }

  #remember(subject: Subject, registrationId: RegistrationId, result: ProbeResult): void {
    if (result === 'unclear') return;
    if (result === 'answered') {
      subject.answeredAt = this.#options.clock.now();
      subject.unanswered = [];
      return;
    }
    subject.unanswered = [...subject.unanswered, registrationId].slice(-MAX_REMEMBERED);
  }

  #judge(relays: readonly PresentRelay[]): void {
    const { clock, onVerdict, logger } = this.#options;
    const probed = relays.flatMap(({ connection, sidecars }): ProbedRelay[] => {
      const subject = this.#subjects.get(connection);
      return subject === undefined ? [] : [{ ...subject, connection, sidecars: sidecars.length }];
    });
    for (const [connection, forwards] of decideForwarding(probed, clock.now())) {
      const subject = this.#subjects.get(connection);
      if (subject === undefined || subject.forwards === forwards) continue;
      subject.forwards = forwards;
      // Nothing is left to probe through, or an answer came: either way it starts anew.
      if (forwards) subject.unanswered = [];
      const relay = relays.find((each) => each.connection === connection)?.bootId;
      if (forwards) logger.info({ relay }, 'relay forwards again');
      else logger.warn({ relay }, 'relay does not forward: probes through it are not answered, those of others are');
      onVerdict(connection, forwards);
    }
    this.#notForwarding.set([...this.#subjects.values()].filter(({ forwards }) => !forwards).length);
  }
}

/** The registration whose turn it is: by id, so that each gets its turn while others come and go. */
function nextAfter(last: RegistrationId | undefined, sidecars: readonly ExecutorTicket[]): ExecutorTicket | undefined {
  let first: ExecutorTicket | undefined;
  let next: ExecutorTicket | undefined;
  for (const ticket of sidecars) {
    const { registrationId } = ticket;
    if (first === undefined || registrationId < first.registrationId) first = ticket;
    if (last === undefined || registrationId <= last) continue;
    if (next === undefined || registrationId < next.registrationId) next = ticket;
  }
  return next ?? first;
}
