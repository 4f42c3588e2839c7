/** A request's id (contract §6): text, or a 64-bit signed integer; a `bigint` only where a number would not be exact. */
export type JsonRpcId = string | number | bigint;

/** W3C trace context of one request. */
export interface JsonRpcTrace {
  traceparent?: string;
  tracestate?: string;
}

export interface JsonRpcRequest {
  kind: 'request';
  id: JsonRpcId;
  method: string;
  params?: unknown;
  trace?: JsonRpcTrace;
}

export interface JsonRpcNotification {
  kind: 'notification';
  method: string;
  params?: unknown;
}

export interface JsonRpcResponse {
  kind: 'response';
  id: JsonRpcId;
  result: unknown;
}

export interface JsonRpcErrorBody {
  code: number;
  message: string;
  data?: unknown;
}

export interface JsonRpcErrorResponse {
  kind: 'error';
  id: JsonRpcId;
  error: JsonRpcErrorBody;
}

/** One message of the dialect of contract §6: without a `jsonrpc` member, extra members ignored. */
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse | JsonRpcErrorResponse;
