import { isUtf8 } from 'node:buffer';
import { WireError } from '../errors.ts';
import { MAX_RPC_BYTES } from '../limits.ts';
import type { JsonRpcErrorBody, JsonRpcId, JsonRpcMessage, JsonRpcTrace } from './message.ts';
import { scanJson } from './scan.ts';

/** The range of a signed 64-bit integer. */
const MIN_ID = -(2n ** 63n);
const MAX_ID = 2n ** 63n - 1n;

/** Digits of -2^63, the longest id: nothing longer is turned into a number. */
const MAX_ID_DIGITS = 20;

/**
 * One JSON-RPC message (contract §6).
 *
 * Numbers outside of `id` are as exact as `JSON.parse` makes them: a u64 in params over 2^53 is rounded.
 *
 * @throws WireError `too_large`, `malformed_json`, `duplicate_key`, `json_too_complex`, `malformed_message`
 */
export function parseJsonRpc(bytes: Uint8Array): JsonRpcMessage {
  if (bytes.length > MAX_RPC_BYTES) throw new WireError('too_large', 'JSON-RPC', `${bytes.length} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!isUtf8(buffer)) throw new WireError('malformed_json', 'JSON-RPC', 'is not UTF-8');
  const scanned = scanJson(buffer);
  let value: unknown;
  try {
    value = JSON.parse(buffer.toString('utf8'));
  } catch {
    // No cause: the engine's message quotes the text.
    throw new WireError('malformed_json', 'JSON-RPC', 'is not JSON');
  }
  if (!isRecord(value)) throw malformed('is not an object');
  const id =
    scanned.idStart < 0 ? undefined : readId(value.id, buffer.toString('latin1', scanned.idStart, scanned.idEnd));
  return classify(value, id);
}

function classify(value: Record<string, unknown>, id: JsonRpcId | undefined): JsonRpcMessage {
  if (Object.hasOwn(value, 'method')) {
    if (typeof value.method !== 'string') throw malformed('`method` is not text');
    const call = { method: value.method, ...(Object.hasOwn(value, 'params') && { params: value.params }) };
    if (id === undefined) return { kind: 'notification', ...call };
    const trace = readTrace(value.trace);
    return { kind: 'request', id, ...call, ...(trace && { trace }) };
  }
  if (id === undefined) throw malformed('has neither `method` nor `id`');
  if (Object.hasOwn(value, 'result')) return { kind: 'response', id, result: value.result };
  if (Object.hasOwn(value, 'error')) return { kind: 'error', id, error: readError(value.error) };
  throw malformed('has none of `method`, `result` and `error`');
}

function readId(value: unknown, text: string): JsonRpcId {
  if (typeof value === 'string') return value;
  const digits = text.trim();
  if (typeof value !== 'number' || digits.length > MAX_ID_DIGITS || !/^-?[0-9]+$/.test(digits)) {
    throw malformed('`id` is neither text nor a 64-bit integer');
  }
  if (Number.isSafeInteger(value)) return value;
  const exact = BigInt(digits);
  if (exact < MIN_ID || exact > MAX_ID) throw malformed('`id` is no 64-bit integer');
  return exact;
}

function readError(value: unknown): JsonRpcErrorBody {
  if (!isRecord(value) || typeof value.message !== 'string') throw malformed('`error` has no message');
  if (typeof value.code !== 'number' || !Number.isSafeInteger(value.code))
    throw malformed('`error.code` is no integer');
  return { code: value.code, message: value.message, ...(Object.hasOwn(value, 'data') && { data: value.data }) };
}

/** Trace context is a courtesy: a malformed one is left out, never a reason to refuse a request. */
function readTrace(value: unknown): JsonRpcTrace | undefined {
  if (!isRecord(value)) return undefined;
  const { traceparent, tracestate } = value;
  return {
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(typeof tracestate === 'string' && { tracestate }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(message: string): WireError {
  return new WireError('malformed_message', 'JSON-RPC', message);
}
