import { WireError } from '../errors.ts';
import { MAX_RPC_BYTES } from '../limits.ts';
import type { JsonRpcId, JsonRpcMessage } from './message.ts';

/**
 * The UTF-8 JSON of one message. Members that are `undefined` are left out.
 *
 * @throws WireError `too_large` over `MAX_RPC_BYTES`
 */
export function encodeJsonRpc(message: JsonRpcMessage): Uint8Array {
  const text = jsonText(message);
  // A UTF-16 unit is at least one byte of UTF-8: what is already too long is not encoded first.
  if (text.length > MAX_RPC_BYTES) throw tooLarge();
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > MAX_RPC_BYTES) throw tooLarge();
  return bytes;
}

function jsonText(message: JsonRpcMessage): string {
  switch (message.kind) {
    case 'request': {
      const { method, params, trace } = message;
      return `{"id":${idText(message.id)},${JSON.stringify({ method, params, trace }).slice(1)}`;
    }
    case 'notification': {
      const { method, params } = message;
      return JSON.stringify({ method, params });
    }
    case 'response':
      // A handler that returns nothing still answers: `result` must be there.
      return `{"id":${idText(message.id)},${JSON.stringify({ result: message.result ?? null }).slice(1)}`;
    case 'error':
      return `{"id":${idText(message.id)},${JSON.stringify({ error: message.error }).slice(1)}`;
  }
}

function idText(id: JsonRpcId): string {
  return typeof id === 'string' ? JSON.stringify(id) : String(id);
}

function tooLarge(): WireError {
  return new WireError('too_large', 'JSON-RPC', `a message has more than ${MAX_RPC_BYTES} bytes`);
}
