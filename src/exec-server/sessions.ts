import { randomUUID } from 'node:crypto';
import type { Clock, Gauge, Logger, Timer } from '../telemetry/index.ts';
import { RPC_CODES, RpcError } from '../wire/index.ts';
import { DETACHED_SESSION_MS, MAX_SESSIONS } from './limits.ts';
import { Session, type SessionListener } from './session.ts';

interface Detached {
  readonly session: Session;
  readonly timer: Timer;
}

export interface SessionsOptions {
  clock: Clock;
  logger: Logger;
  count: Gauge;
}

/** All sessions of the server: attached to a connection, or detached for `DETACHED_SESSION_MS` and then ended (our-side §6). */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #detached = new Map<string, Detached>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** @throws RpcError -32600 when there are too many */
  open(): Session {
    if (this.#sessions.size >= MAX_SESSIONS) {
      throw new RpcError(RPC_CODES.INVALID_REQUEST, `at most ${MAX_SESSIONS} sessions may exist on this exec-server`);
    }
    const session = new Session(randomUUID(), this.#options.clock);
    this.#sessions.set(session.id, session);
    this.#count();
    return session;
  }

  /** @throws RpcError -32600 `unknown session id …`; -32010 while another connection has it */
  resume(id: string): Session {
    const session = this.#sessions.get(id);
    if (!session) throw new RpcError(RPC_CODES.INVALID_REQUEST, `unknown session id ${id}`);
    if (session.attached) {
      throw new RpcError(RPC_CODES.SESSION_ATTACHED, `session ${id} is already attached to another connection`);
    }
    this.#detached.get(id)?.timer.cancel();
    this.#detached.delete(id);
    return session;
  }

  attach(session: Session, listener: SessionListener): void {
    session.attach(listener);
  }

  /** The connection of `session` is gone. */
  detach(session: Session): void {
    if (!this.#sessions.has(session.id)) return;
    session.detach();
    const timer = this.#options.clock.after(DETACHED_SESSION_MS, () => {
      this.#options.logger.info('detached session expired');
      this.end(session).catch((error: unknown) => this.#options.logger.error({ err: error }, 'session did not end'));
    });
    this.#detached.set(session.id, { session, timer });
  }

  /** For good: its id is unknown from now on, its processes are ended. */
  async end(session: Session): Promise<void> {
    this.#detached.get(session.id)?.timer.cancel();
    this.#detached.delete(session.id);
    this.#sessions.delete(session.id);
    this.#count();
    await session.end();
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => this.end(session)));
  }

  #count(): void {
    this.#options.count.set(this.#sessions.size);
  }
}
