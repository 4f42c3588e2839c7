import type { JsonRpcErrorBody } from './message.ts';

/** Error codes of the exec-server (contract §9). Clients depend on `NOT_FOUND` for missing files. */
export const RPC_CODES = {
  INVALID_REQUEST: -32600,
  METHOD_NOT_FOUND: -32601,
  INVALID_PARAMS: -32602,
  INTERNAL_ERROR: -32603,
  NOT_FOUND: -32004,
  SESSION_ATTACHED: -32010,
} as const;

export type RpcCode = (typeof RPC_CODES)[keyof typeof RPC_CODES];

/** The error member of a response: thrown by a handler to answer it, and thrown by `RpcPeer.request` when the other side did. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** One of `RPC_CODES` from our own side; any integer from another. */
  readonly code: number;
  readonly data?: unknown;

  constructor(code: number, message: string, options: { data?: unknown; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    if ('data' in options) this.data = options.data;
  }

  toBody(): JsonRpcErrorBody {
    return { code: this.code, message: this.message, ...(this.data !== undefined && { data: this.data }) };
  }
}
