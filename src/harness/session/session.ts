import { pause } from '../../telemetry/index.ts';
import {
  type ExecMethod,
  type ExecParams,
  type ExecResult,
  parseExecResult,
  RPC_CODES,
  RpcError,
  type RpcHandlers,
  WireError,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import { type AttachContext, type Attachment, attach } from './attach.ts';
import { afterFailure, IDLE, OPENING, RECOVERY_MS, type SessionState } from './state.ts';

/** Keeps the process alive while nothing else does: between attempts no socket is open. Any long span will do. */
const HOLD_MS = 3_600_000;

/** What a session tells the one who owns its processes. */
export interface SessionObserver {
  notification(method: string, params: unknown): void;
  /** The same session on a new connection: what was sent meanwhile must be read. */
  resumed(): void;
  /** The session is gone, and all of its processes. */
  lost(error: HarnessError): void;
}

export type SessionEvent =
  | { type: 'attached'; resumed: boolean; fingerprint: string; relayHost: string }
  | { type: 'disconnected'; error: HarnessError }
  | { type: 'retrying'; error: HarnessError; pauseMs: number }
  | { type: 'gave_up'; error: HarnessError };

export interface SessionOptions {
  context: AttachContext;
  observer: SessionObserver;
  random: () => number;
  onEvent: (event: SessionEvent) => void;
}

export interface SessionRequestOptions {
  /** May be sent again after a cut, because the executor does it once or doing it twice changes nothing. */
  idempotent?: boolean;
  /** The request belongs to this session, and to none that came after it. */
  sessionId?: string;
  signal?: AbortSignal;
}

/** One session at one executor, over as many connections as it takes (contract §8.2). */
export class Session {
  readonly #options: SessionOptions;
  readonly #closing = new AbortController();
  #state: SessionState = IDLE;
  #attachment: Attachment | undefined;
  #reaching: Promise<Attachment> | undefined;
  #connections = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** How many connections there were so far: two looks with the same number saw the same one. */
  get connections(): number {
    return this.#connections;
  }

  /** The connection of now, if there is one. */
  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  /**
   * A connection that can be used: the present one, the one that recovery brings, or a new session.
   *
   * @throws HarnessError why there is none; `closed`
   */
  async attached(signal?: AbortSignal): Promise<Attachment> {
    if (this.#state.name === 'closed') throw new HarnessError('closed', 'request', 'the harness was closed');
    if (this.#attachment) return this.#attachment;
    if (this.#state.name === 'idle') this.#enter(OPENING);
    const reaching = this.#reaching ?? Promise.reject(new HarnessError('closed', 'request', 'no attempt is made'));
    return signal ? Promise.race([reaching, rejectOnAbort(signal)]) : reaching;
  }

  /** `request` with the types of one method; a malformed answer is a `protocol_violation`. */
  async call<Method extends ExecMethod>(
    method: Method,
    params: ExecParams<Method>,
    options?: SessionRequestOptions,
  ): Promise<ExecResult<Method>> {
    const result = await this.request(method, params, options);
    try {
      return parseExecResult(method, result);
    } catch (cause) {
      throw new HarnessError('protocol_violation', 'request', messageOf(cause), { cause });
    }
  }

  /**
   * One request of contract §9.
   *
   * @throws HarnessError `transport_error` when the connection was cut meanwhile, `session_lost`, `not_found`, `not_supported`,
   * `invalid_request`, `executor_error` (cause: the RpcError), and what `attached` throws
   */
  async request(method: string, params: unknown, options: SessionRequestOptions = {}): Promise<unknown> {
    const { idempotent = false, sessionId, signal } = options;
    for (;;) {
      const attachment = await this.attached(signal);
      if (sessionId !== undefined && sessionId !== attachment.sessionId) {
        throw new HarnessError('session_lost', 'request', 'the session of this process is gone');
      }
      try {
        return await attachment.peer.request(method, params, signal && { signal });
      } catch (error) {
        const cut = error instanceof WireError && error.code === 'closed';
        if (!cut) throw asRequestError(method, error);
        if (!idempotent || this.#state.name === 'closed') throw cutDuring(method, error);
        // The peer may say so before its transport told us.
        if (this.#attachment === attachment) this.#disconnected(attachment, error);
      }
    }
  }

  close(): void {
    if (this.#state.name === 'closed') return;
    this.#state = { name: 'closed' };
    const error = new HarnessError('closed', 'request', 'the harness was closed');
    this.#closing.abort(error);
    this.#attachment?.peer.close();
    this.#attachment = undefined;
    this.#options.observer.lost(error);
  }

  #enter(state: SessionState): void {
    this.#state = state;
    this.#reaching = this.#reach();
    this.#reaching.catch(() => {
      // Whoever waits for it sees it; a recovery that nobody waits for ends in `lost`.
    });
  }

  /** Attempts until one succeeds or the state says that there is no further one. */
  async #reach(): Promise<Attachment> {
    const hold = setInterval(() => {}, HOLD_MS);
    try {
      for (;;) {
        const outcome = await this.#attempt();
        if (outcome instanceof HarnessError) await this.#pauseOrGiveUp(outcome);
        else return this.#settle(outcome);
      }
    } finally {
      clearInterval(hold);
    }
  }

  async #attempt(): Promise<Attachment | HarnessError> {
    const state = this.#state;
    const resuming = state.name === 'recovering';
    const { clock } = this.#options.context;
    const overdue = new AbortController();
    const left = resuming ? Math.max(0, state.since + RECOVERY_MS - clock.now()) : undefined;
    const timer = left === undefined ? undefined : clock.after(left, () => overdue.abort(recoveryOverdue()));
    const connection: { attachment?: Attachment } = {};
    try {
      const attachment = await attach(this.#options.context, {
        ...(resuming && { resume: state.session }),
        handlers: this.#handlers(connection),
        signal: AbortSignal.any([this.#closing.signal, overdue.signal]),
      });
      connection.attachment = attachment;
      if (!attachment.peer.closed) return attachment;
      return new HarnessError('relay_lost', 'relay', 'the connection ended at once', { retryable: true });
    } catch (error) {
      const reason = overdue.signal.aborted ? overdue.signal.reason : error;
      if (reason instanceof HarnessError) return reason;
      return new HarnessError('internal', 'connect', messageOf(reason), { cause: reason });
    } finally {
      timer?.cancel();
    }
  }

  async #pauseOrGiveUp(error: HarnessError): Promise<void> {
    const { context, random, onEvent, observer } = this.#options;
    if (this.#state.name === 'closed') throw new HarnessError('closed', 'request', 'the harness was closed');
    const wasRecovering = this.#state.name === 'recovering';
    const decision = afterFailure(this.#state, error, context.clock.now(), random);
    this.#state = decision.state;
    if (decision.retry) {
      onEvent({ type: 'retrying', error, pauseMs: decision.pauseMs });
      await pause(decision.pauseMs, context.clock, this.#closing.signal);
      return;
    }
    this.#reaching = undefined;
    onEvent({ type: 'gave_up', error: decision.error });
    if (wasRecovering) observer.lost(decision.error);
    throw decision.error;
  }

  #settle(attachment: Attachment): Attachment {
    if (this.#state.name === 'closed') {
      attachment.peer.close();
      throw new HarnessError('closed', 'request', 'the harness was closed');
    }
    const resumed = this.#state.name === 'recovering';
    const { sessionId, fingerprint, relayHost } = attachment;
    this.#state = { name: 'attached', session: { sessionId, fingerprint } };
    this.#attachment = attachment;
    this.#reaching = undefined;
    this.#connections += 1;
    this.#options.onEvent({ type: 'attached', resumed, fingerprint, relayHost });
    if (resumed) this.#options.observer.resumed();
    return attachment;
  }

  #handlers(connection: { attachment?: Attachment }): RpcHandlers {
    return {
      request: (method) => {
        throw new RpcError(RPC_CODES.METHOD_NOT_FOUND, `this harness does not answer ${method}`);
      },
      notification: (method, params) => this.#options.observer.notification(method, params),
      closed: (cause) => {
        if (connection.attachment) this.#disconnected(connection.attachment, cause);
      },
    };
  }

  #disconnected(attachment: Attachment, cause: unknown): void {
    if (this.#attachment !== attachment || this.#state.name !== 'attached') return;
    this.#attachment = undefined;
    const { session } = this.#state;
    const error =
      cause instanceof HarnessError
        ? cause
        : new HarnessError('relay_lost', 'relay', messageOf(cause ?? 'the connection ended'), {
            retryable: true,
            cause,
          });
    this.#options.onEvent({ type: 'disconnected', error });
    this.#enter({ name: 'recovering', session, since: this.#options.context.clock.now(), failed: 0 });
  }
}

function recoveryOverdue(): HarnessError {
  return new HarnessError('session_lost', 'recovery', `the session could not be resumed within ${RECOVERY_MS} ms`);
}

function cutDuring(method: string, cause: unknown): HarnessError {
  const message = `the connection was cut during ${method}; whether it was executed is not known`;
  return new HarnessError('transport_error', 'request', message, { retryable: true, cause });
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** What the executor answered, under a code that does not need the table of contract §9. */
function asRequestError(method: string, error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  return new HarnessError(requestCode(error.code), 'request', `${method}: ${error.message}`, { cause: error });
}

function requestCode(code: number): string {
  switch (code) {
    case RPC_CODES.NOT_FOUND:
      return 'not_found';
    case RPC_CODES.METHOD_NOT_FOUND:
      return 'not_supported';
    case RPC_CODES.INVALID_REQUEST:
    case RPC_CODES.INVALID_PARAMS:
      return 'invalid_request';
    default:
      return 'executor_error';
  }
}
