import type { Clock } from '../telemetry/index.ts';
import type { EnvironmentId, RegistrationId } from '../wire/index.ts';
import type { ExecutorSocket } from './sockets/executor-socket.ts';

/** Which socket holds which registration. One each: a newer socket takes the place of the older (our-side.md §4). */
export class Routes {
  readonly #clock: Clock;
  readonly #waited: (milliseconds: number, returned: boolean) => void;
  readonly #byRegistration = new Map<RegistrationId, ExecutorSocket>();
  readonly #waiting = new Map<RegistrationId, Set<(executor: ExecutorSocket | undefined) => void>>();

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

  /** The socket of a registration, or the one that comes within `milliseconds`; undefined when none does, or `signal` gives up. */
  waitFor(
    registrationId: RegistrationId,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<ExecutorSocket | undefined> {
    const here = this.find(registrationId);
    if (here?.open) return Promise.resolve(here);
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
