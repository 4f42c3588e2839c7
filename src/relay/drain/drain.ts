import { type Clock, type Logger, pause } from '../../telemetry/index.ts';
import type { Door } from '../admission/door.ts';
import { DRAIN_ACCEPT_MS, DRAIN_STEP_MS, MOVE_MS, type RelayLimits } from '../limits.ts';
import type { Rendezvous } from '../rendezvous.ts';
import type { ExecutorSocket } from '../sockets/executor-socket.ts';
import type { HarnessSocket } from '../sockets/harness-socket.ts';
import type { Splice } from '../splice/splicer.ts';
import { CaughtUp } from './caught-up.ts';
import { Quiet } from './quiet.ts';

/** How many of all may go in one step: thousands must not dial the other replicas in one instant. */
interface Pace {
  readonly least: number;
  readonly steps: number;
}

/** Sidecars are asked within about two seconds: as long as one is present here, harnesses are sent here. */
const ASKING: Pace = { least: 32, steps: 40 };
/**
 * Sockets are closed over about ten seconds. Who is closed is without a connection until registry, relay and sidecar have served all who were
 * closed with him: measured, 21 in half a second on two busy cores were back after 1.0 s.
 */
const CLOSING: Pace = { least: 1, steps: 200 };

export interface DrainOptions {
  readonly door: Door;
  readonly rendezvous: Rendezvous;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: RelayLimits;
}

/**
 * The end of a relay that nobody notices (our-side.md §10). Our sidecars are asked to move, and leave presence here when they are present
 * elsewhere; then each of their harnesses is closed in a quiet moment of its stream, dials anew, and lands where the executor is. A real
 * executor knows no such message: its socket is closed when all its streams are quiet, and it dials the same URL again. What never falls
 * silent is left for whoever closes after this.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #streams = new Quiet<HarnessSocket>();
  readonly #readers = new CaughtUp<HarnessSocket>();
  readonly #splices = new Quiet<Splice>();
  readonly #asked = new Set<ExecutorSocket>();
  readonly #startedAt: number;
  /** Sockets at the most crowded moment: a share of those that are left would get smaller and smaller. */
  #most = 0;
  /** Of one step: who may still be asked to move or told that he has, and who may still be cut off. */
  #askable = 0;
  #closable = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  /** Resolves when nobody is here, or `limits.drainMs` is over. */
  async run(): Promise<void> {
    const { clock, limits, rendezvous, door, logger } = this.#options;
    door.drain();
    while (rendezvous.socketCount > 0 && this.#age < limits.drainMs) {
      this.#most = Math.max(this.#most, rendezvous.socketCount);
      this.#askable = perStep(ASKING, this.#most);
      this.#closable = perStep(CLOSING, this.#most);
      if (this.#age >= DRAIN_ACCEPT_MS) door.shut();
      this.#step(clock.now());
      await pause(DRAIN_STEP_MS, clock);
    }
    logger.info({ milliseconds: this.#age, left: rendezvous.socketCount }, 'relay drained');
  }

  get #age(): number {
    return this.#options.clock.now() - this.#startedAt;
  }

  #step(now: number): void {
    const { rendezvous } = this.#options;
    for (const executor of rendezvous.executors) this.#askToMove(executor);
    const unquiet = new Set<ExecutorSocket>();
    for (const harness of rendezvous.harnesses) {
      const quiet = this.#streams.has(harness, now) && this.#readers.has(harness);
      if (!quiet) unquiet.add(harness.executor);
      else if (harness.executor.left && this.#mayClose()) harness.end('draining');
    }
    for (const executor of rendezvous.executors) {
      if (!this.#isDone(executor, unquiet)) continue;
      if (executor.left ? this.#mayAsk() : this.#mayClose()) rendezvous.dismiss(executor);
    }
    for (const splice of rendezvous.splices) {
      if (this.#splices.has(splice, now) && this.#age >= DRAIN_ACCEPT_MS && this.#mayClose()) splice.end();
    }
  }

  #askToMove(executor: ExecutorSocket): void {
    if (this.#asked.has(executor) || !this.#mayAsk()) return;
    this.#asked.add(executor);
    executor.askToMove();
  }

  /** Whether the socket of an executor may go now, and its harnesses with it. */
  #isDone(executor: ExecutorSocket, unquiet: ReadonlySet<ExecutorSocket>): boolean {
    if (!executor.open || !this.#asked.has(executor)) return false;
    // Somebody may be on his way here with a ticket that was made before it left.
    if (executor.left) return executor.harnessCount === 0 && this.#age >= DRAIN_ACCEPT_MS;
    const patience = executor.ticket.runtime === 'sidecar' ? MOVE_MS : 0;
    return this.#age >= patience && !unquiet.has(executor);
  }

  /** Counts one more of this step; false when the step has enough. */
  #mayAsk(): boolean {
    if (this.#askable === 0) return false;
    this.#askable -= 1;
    return true;
  }

  #mayClose(): boolean {
    if (this.#closable === 0) return false;
    this.#closable -= 1;
    return true;
  }
}

function perStep({ least, steps }: Pace, sockets: number): number {
  return Math.max(least, Math.ceil(sockets / steps));
}
