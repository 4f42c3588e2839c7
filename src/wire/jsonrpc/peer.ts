import { WireError } from '../errors.ts';
import { encodeJsonRpc } from './encode.ts';
import type { JsonRpcErrorResponse, JsonRpcId, JsonRpcMessage, JsonRpcRequest, JsonRpcResponse } from './message.ts';
import { parseJsonRpc } from './parse.ts';
import { RPC_CODES, RpcError } from './rpc-error.ts';
import type { MessageTransport } from './transport.ts';

export interface RequestContext {
  id: JsonRpcId;
  trace?: JsonRpcRequest['trace'];
}

/** What one side does with what the other sends. Called in the order of arrival; a request is not waited for. */
export interface RpcHandlers {
  /** The result, or a throw: `RpcError` as it is, `WireError` as a violation, anything else as -32603. */
  request(method: string, params: unknown, context: RequestContext): unknown;
  /** A throw is a violation. */
  notification(method: string, params: unknown): void;
  /**
   * A malformed message, or an answer that nobody asked for. By default the transport is closed; `answer` sends an error with
   * `id: -1` and goes on, as a plain WebSocket exec-server does (contract §12).
   */
  violation?(error: WireError): 'close' | 'ignore' | 'answer';
  drained?(): void;
  /** Once. Requests under way were rejected before. */
  closed?(cause?: Error): void;
}

export interface RequestOptions {
  /** Stops the wait. The protocol has no cancel: the other side goes on, and its answer is dropped. */
  signal?: AbortSignal;
  trace?: JsonRpcRequest['trace'];
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** WebSocket close code for a peer that broke the protocol. */
const PROTOCOL_ERROR = 1002;

/** The id of an answer to what had none that could be read (contract §12). */
const NO_ID = -1;

/** JSON-RPC in both directions over one transport (contract §6, §9). */
export class RpcPeer {
  readonly #transport: MessageTransport;
  readonly #handlers: RpcHandlers;
  readonly #pending = new Map<JsonRpcId, Pending>();
  #nextId = 1;
  #closed = false;

  constructor(transport: MessageTransport, handlers: RpcHandlers) {
    this.#transport = transport;
    this.#handlers = handlers;
    transport.open({
      message: (bytes) => this.#receive(bytes),
      drained: () => handlers.drained?.(),
      closed: (cause) => this.#finish(cause),
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @throws RpcError what the other side answered; WireError `closed` when the transport ended first (cause: why), `too_large`;
   * the signal's reason
   */
  request(method: string, params?: unknown, { signal, trace }: RequestOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new WireError('closed', method, 'the connection has ended');
      signal?.throwIfAborted();
      const id = this.#nextId++;
      this.#send({ kind: 'request', id, method, params, ...(trace && { trace }) });
      const abort = () => reject(signal?.reason);
      const settled = () => signal?.removeEventListener('abort', abort);
      signal?.addEventListener('abort', abort, { once: true });
      this.#pending.set(id, {
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
    });
  }

  /** @throws WireError `too_large` */
  notify(method: string, params?: unknown): void {
    this.#send({ kind: 'notification', method, params });
  }

  bufferedBytes(): number {
    return this.#transport.bufferedBytes();
  }

  close(code?: number, reason?: string): void {
    this.#transport.close(code, reason);
    this.#finish();
  }

  #send(message: JsonRpcMessage): void {
    const bytes = encodeJsonRpc(message);
    if (!this.#closed) this.#transport.send(bytes);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#dispatch(parseJsonRpc(bytes));
    } catch (error) {
      this.#violated(error instanceof WireError ? error : refusedNotification(error));
    }
  }

  #dispatch(message: JsonRpcMessage): void {
    switch (message.kind) {
      case 'request':
        void this.#answer(message);
        return;
      case 'notification':
        this.#handlers.notification(message.method, message.params);
        return;
      default:
        this.#settle(message);
    }
  }

  async #answer({ id, method, params, trace }: JsonRpcRequest): Promise<void> {
    try {
      const result = await this.#handlers.request(method, params, { id, ...(trace && { trace }) });
      this.#send({ kind: 'response', id, result });
    } catch (error) {
      if (error instanceof WireError) return this.#violated(error);
      const answer = error instanceof RpcError ? error : new RpcError(RPC_CODES.INTERNAL_ERROR, messageOf(error));
      this.#send({ kind: 'error', id, error: answer.toBody() });
    }
  }

  #settle(message: JsonRpcResponse | JsonRpcErrorResponse): void {
    const pending = this.#pending.get(message.id);
    if (!pending) throw new WireError('unexpected_response', 'JSON-RPC', 'answers no request');
    this.#pending.delete(message.id);
    if (message.kind === 'response') {
      pending.resolve(message.result);
      return;
    }
    const { code, message: text, data } = message.error;
    pending.reject(new RpcError(code, text, data === undefined ? {} : { data }));
  }

  #violated(error: WireError): void {
    if (this.#closed) return;
    const decision = this.#handlers.violation?.(error) ?? 'close';
    if (decision === 'ignore') return;
    if (decision === 'answer') {
      const { message } = error;
      this.#send({ kind: 'error', id: NO_ID, error: { code: RPC_CODES.INVALID_REQUEST, message } });
      return;
    }
    // First the end with its cause: the transport's own news of it, which may come at once, has none.
    this.#finish(error);
    this.#transport.close(PROTOCOL_ERROR, error.code);
  }

  #finish(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const options = cause && { cause };
    for (const { reject } of this.#pending.values()) {
      reject(new WireError('closed', 'JSON-RPC', 'the connection ended before the answer', options));
    }
    this.#pending.clear();
    this.#handlers.closed?.(cause);
  }
}

function refusedNotification(cause: unknown): WireError {
  return new WireError('malformed_message', 'JSON-RPC', 'a notification was refused', { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
