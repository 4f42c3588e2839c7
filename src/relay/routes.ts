import type { Clock } from '../telemetry/index.ts';
import type { EnvironmentId, RegistrationId } from '../wire/index.ts';
import type { ExecutorSocket } from './sockets/executor-socket.ts';

/** So long a ticket of the time before may still come: a harness ticket's life, and some. */
const LOSS_MEMORY_MS = 70_000;

/** Which socket holds which registration. One each: a newer socket takes the place of the older (our-side.md §4). */
export class Routes {
  readonly #clock: Clock;
  readonly #waited: (milliseconds: number, returned: boolean) => void;
  readonly #byRegistration = new Map<RegistrationId, ExecutorSocket>();
  readonly #waiting = new Map<RegistrationId, Set<(executor: ExecutorSocket | undefined) => void>>();

  /** Registrations that every registry knows to be here no more, and until when that is remembered (ms). */
  readonly #knownLost = new Map<RegistrationId, number>();

  /** `waited` is told of each wait for a socket that was not here. */
  constructor(clock: Clock, waited: (milliseconds: number, returned: boolean) => void) {
    this.#clock = clock;
    this.#waited = waited;
  }

  get size(): number {
    return this.#byRegistration.size;
  }

  find(registrationId: RegistrationId): ExecutorSocket | undefined {
    return this.#byRegistration.get(registrationId);
  }

  /** Routes the registration to this socket from now on; returns the one it replaces. */
  set(executor: ExecutorSocket): ExecutorSocket | undefined {
    const { registrationId } = executor.ticket;
    const before = this.#byRegistration.get(registrationId);
    this.#byRegistration.set(registrationId, executor);
    this.#knownLost.delete(registrationId);
    for (const found of [...(this.#waiting.get(registrationId) ?? [])]) found(executor);
    return before === executor ? undefined : before;
  }

  /** False when a newer socket has the place already. */
  delete(executor: ExecutorSocket): boolean {
    const { registrationId } = executor.ticket;
    if (this.#byRegistration.get(registrationId) !== executor) return false;
    return this.#byRegistration.delete(registrationId);
  }

  values(): IterableIterator<ExecutorSocket> {
    return this.#byRegistration.values();
  }

  ofEnvironment(environmentId: EnvironmentId): ExecutorSocket[] {
    return [...this.#byRegistration.values()].filter(({ ticket }) => ticket.environmentId === environmentId);
  }

  /** Every registry knows that it is here no more: who waits for it, or comes with a ticket of before, is better off asking again. */
  lossKnown(registrationId: RegistrationId): void {
    if (this.find(registrationId)?.open) return;
    this.#knownLost.set(registrationId, this.#clock.now() + LOSS_MEMORY_MS);
    for (const found of [...(this.#waiting.get(registrationId) ?? [])]) found(undefined);
  }

  /** To be called about every second. */
  sweep(now: number): void {
    for (const [id, until] of this.#knownLost) if (until <= now) this.#knownLost.delete(id);
  }

  /**
   * The socket of a registration, or the one that comes within `milliseconds`; undefined when none does, the loss is known, or `signal` gives
   * up.
   */
  waitFor(
    registrationId: RegistrationId,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<ExecutorSocket | undefined> {
    const here = this.find(registrationId);
    if (here?.open) return Promise.resolve(here);
    if (this.#knownLost.has(registrationId)) return Promise.resolve(undefined);
    const since = this.#clock.now();
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(registrationId) ?? new Set();
      const found = (executor: ExecutorSocket | undefined) => {
        timer.cancel();
        signal.removeEventListener('abort', gaveUp);
        waiters.delete(found);
        if (waiters.size === 0) this.#waiting.delete(registrationId);
        // Who gave up himself has not seen how it ended.
        if (!signal.aborted) this.#waited(this.#clock.now() - since, executor !== undefined);
        resolve(executor);
      };
      const gaveUp = () => found(undefined);
      const timer = this.#clock.after(milliseconds, gaveUp);
      signal.addEventListener('abort', gaveUp);
      waiters.add(found);
      this.#waiting.set(registrationId, waiters);
    });
  }
}
