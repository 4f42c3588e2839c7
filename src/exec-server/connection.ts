import { z } from 'zod';
import type { Logger } from '../telemetry/index.ts';
import {
  type ExecMethod,
  type ExecResult,
  INITIALIZED_NOTIFICATION,
  isExecMethod,
  type ParsedExecParams,
  parseExecParams,
  RPC_CODES,
  RpcError,
  RpcPeer,
} from '../wire/index.ts';
import type { ExecContext } from './context.ts';
import { FileMethods } from './files/methods.ts';
import { HttpRequests } from './http-request/http-requests.ts';
import { MAX_IN_FLIGHT_REQUESTS } from './limits.ts';
import type { Entry } from './output/block.ts';
import { Pump, type PumpSource } from './output/pump.ts';
import { ProcessMethods } from './process/methods.ts';
import type { Session } from './session.ts';
import type { WebSocketTransport } from './websocket-transport.ts';

/**
 * Our own methods, beside the contract's. `noisefleet/endSession` (request or notification, by the sidecar when a grant or key ended)
 * kills the processes of the attached session and forgets it at once; `process/closeStdin` ends a child's input after what was written.
 */
const END_SESSION = 'noisefleet/endSession';
const CLOSE_STDIN = 'process/closeStdin';

const closeStdinParams = z.object({ processId: z.string() });

/** WebSocket close codes (RFC 6455 §7.4.1): the other side broke the protocol; we cannot go on. */
const PROTOCOL_ERROR = 1002;
const INTERNAL_ERROR = 1011;
const NORMAL = 1000;

/** What the contract calls the methods of a group when `initialize` or `initialized` is missing. */
const GROUPS: Readonly<Record<string, string>> = {
  process: 'exec',
  fs: 'filesystem',
  http: 'http',
  'environment/info': 'environment info',
  'environment/status': 'environment status',
};

/** What exists once there is a session. */
interface Attached {
  readonly session: Session;
  readonly processes: ProcessMethods;
}

type Handlers = { [Method in ExecMethod]: (params: ParsedExecParams<Method>) => Promise<ExecResult<Method>> };

/** One WebSocket: at most one session, its notifications, and the handles and HTTP bodies that belong to the connection. */
export class Connection {
  readonly #context: ExecContext;
  readonly #transport: WebSocketTransport;
  readonly #peer: RpcPeer;
  readonly #pump: Pump;
  readonly #files: FileMethods;
  readonly #http: HttpRequests;
  readonly #handlers: Handlers;
  readonly #logger: Logger;
  readonly #onClosed: () => void;
  #initialized = false;
  #attached: Attached | undefined;
  #inFlight = 0;

  constructor(context: ExecContext, transport: WebSocketTransport, onClosed: () => void) {
    this.#onClosed = onClosed;
    this.#context = context;
    this.#transport = transport;
    this.#logger = context.logger;
    this.#files = new FileMethods(context.sandbox);
    this.#pump = new Pump({
      sink: transport,
      clock: context.clock,
      onSent: (source, entry) => this.#sent(source, entry),
      onLost: (_source, error) => this.#lost(error),
    });
    this.#http = new HttpRequests({
      notify: (params) => this.#notify('http/request/bodyDelta', params),
      sink: transport,
    });
    this.#handlers = this.#createHandlers();
    this.#peer = new RpcPeer(transport, {
      request: (method, params) => this.#request(method, params),
      notification: (method) => this.#notification(method),
      // Contract §12: malformed input is answered. What only a broken client sends ends the connection (§9.1).
      violation: (error) => (error.code === 'unexpected_response' ? 'close' : 'answer'),
      drained: () => this.#drained(),
      closed: () => this.#closed(),
    });
  }

  /** At once; the session is detached. */
  destroy(): void {
    this.#transport.destroy();
  }

  #createHandlers(): Handlers {
    const { info } = this.#context;
    const processes = () => this.#session().processes;
    return {
      initialize: (params) => this.#initialize(params),
      'environment/info': async () => info,
      'environment/status': async () => ({ status: 'ready' }),
      'process/start': (params) => processes().start(params),
      'process/read': (params) => processes().read(params),
      'process/write': (params) => processes().write(params),
      'process/signal': (params) => processes().signal(params),
      'process/terminate': (params) => processes().terminate(params),
      'http/request': (params) => this.#http.request(params),
      ...this.#files.handlers(),
    };
  }

  async #request(method: string, params: unknown): Promise<unknown> {
    this.#inFlight++;
    if (this.#inFlight === MAX_IN_FLIGHT_REQUESTS) this.#transport.pause();
    try {
      return await this.#dispatch(method, params);
    } finally {
      this.#inFlight--;
      if (this.#inFlight === MAX_IN_FLIGHT_REQUESTS - 1) this.#transport.resume();
    }
  }

  async #dispatch(method: string, params: unknown): Promise<unknown> {
    if (method === END_SESSION) return this.#endSession();
    if (method === CLOSE_STDIN) {
      this.#mustBeReady(method);
      return this.#session().processes.closeStdin(parseCloseStdin(params));
    }
    if (!isExecMethod(method)) {
      throw new RpcError(RPC_CODES.METHOD_NOT_FOUND, `this exec-server does not implement \`${method}\``);
    }
    if (method !== 'initialize') this.#mustBeReady(method);
    return this.#call(method, params);
  }

  #call<Method extends ExecMethod>(method: Method, params: unknown): Promise<ExecResult<Method>> {
    return this.#handlers[method](parseExecParams(method, params));
  }

  #mustBeReady(method: string): void {
    const group = GROUPS[method] ?? GROUPS[method.slice(0, method.indexOf('/'))] ?? method;
    if (!this.#attached) throw invalid(`client must call initialize before using ${group} methods`);
    if (!this.#initialized) throw invalid(`client must send initialized before using ${group} methods`);
  }

  async #initialize(params: ParsedExecParams<'initialize'>): Promise<ExecResult<'initialize'>> {
    if (this.#attached) throw invalid('initialize may only be sent once per connection');
    const { sessions, info, launcher, clock } = this.#context;
    const resumed = params.resumeSessionId ?? undefined;
    const session = resumed === undefined ? sessions.open() : sessions.resume(resumed);
    this.#attached = { session, processes: new ProcessMethods({ session, launcher, pump: this.#pump, clock }) };
    sessions.attach(session, {
      entry: (process) => this.#pump.wake(process),
      forgotten: (process) => this.#pump.remove(process),
      ended: () => this.#pump.stop(),
    });
    if (resumed !== undefined) this.#pump.addResumed(session.processes);
    this.#context.opened(resumed === undefined ? 'new' : 'resumed');
    return { sessionId: session.id, environmentInfo: info };
  }

  #notification(method: string): void {
    if (method === END_SESSION) {
      this.#endSession().catch((error: unknown) => this.#logger.error({ err: error }, 'session did not end'));
      return;
    }
    if (method === INITIALIZED_NOTIFICATION && this.#attached) {
      this.#initialized = true;
      return;
    }
    this.#logger.warn({ method: method.slice(0, 64) }, 'unexpected notification, connection closed');
    this.#peer.close(PROTOCOL_ERROR, 'unexpected_notification');
    this.#transport.destroy();
  }

  async #endSession(): Promise<Record<string, never>> {
    const session = this.#attached?.session;
    if (!session) throw invalid('there is no session to end');
    await this.#context.sessions.end(session);
    // After the answer has left.
    setImmediate(() => this.#transport.close(NORMAL, 'session_ended'));
    return {};
  }

  #session(): Attached {
    if (!this.#attached) throw invalid('client must call initialize first');
    return this.#attached;
  }

  #notify(method: string, params: unknown): void {
    if (!this.#peer.closed) this.#peer.notify(method, params);
  }

  #sent(source: PumpSource, entry: Entry): void {
    this.#context.sent(entry.bytes.length);
    if (entry.kind !== 'closed') return;
    const process = this.#attached?.session.find(source.id);
    if (process) this.#attached?.session.sentAll(process);
  }

  /** The client cannot be told in order any more; it recovers, and its `process/read` then says what is wrong. */
  #lost(error: unknown): void {
    this.#logger.error({ err: error }, 'spilled output cannot be read back, connection closed');
    this.#transport.close(INTERNAL_ERROR, 'output_lost');
  }

  #drained(): void {
    this.#pump.run();
    this.#http.drained();
  }

  #closed(): void {
    this.#pump.stop();
    this.#http.close();
    this.#files.close().catch((error: unknown) => this.#logger.warn({ err: error }, 'a file handle did not close'));
    const session = this.#attached?.session;
    if (session) this.#context.sessions.detach(session);
    this.#onClosed();
  }
}

function parseCloseStdin(params: unknown): string {
  const parsed = closeStdinParams.safeParse(params);
  if (!parsed.success) throw new RpcError(RPC_CODES.INVALID_PARAMS, `${CLOSE_STDIN}: processId must be a string`);
  return parsed.data.processId;
}

function invalid(message: string): RpcError {
  return new RpcError(RPC_CODES.INVALID_REQUEST, message);
}
