import { JsonCursor, MalformedJson, type Span } from './json-cursor.ts';

const NULL = Buffer.from('null');

/**
 * Sandbox mode `Container` with a real exec-server: the pod already is the sandbox that the agent asks for, and a second one inside it
 * may not even start. Each `sandbox` parameter (`params.sandbox`, `params.roots[].sandbox`: contract §9.3–9.5) becomes `null`, which
 * is what the harness sends when it asks for none; every other byte of the message stays. A message without one is returned as it is.
 */
export function withoutSandbox(message: Uint8Array): Uint8Array {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (!bytes.includes('"sandbox"')) return message;
  const spans = sandboxValues(message);
  if (spans.length === 0) return message;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { start, end } of spans) {
    parts.push(bytes.subarray(from, start), NULL);
    from = end;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

function sandboxValues(message: Uint8Array): Span[] {
  const cursor = new JsonCursor(message);
  const spans: Span[] = [];
  const sandboxOr = (other: (key: string) => void) => (key: string) => {
    if (key === 'sandbox') spans.push(cursor.skipValue());
    else other(key);
  };
  const skip = () => void cursor.skipValue();
  const inRoot = sandboxOr(skip);
  const inParams = sandboxOr((key) => (key === 'roots' ? cursor.elements(() => cursor.members(inRoot)) : skip()));
  try {
    cursor.members((key) => (key === 'params' ? cursor.members(inParams) : skip()));
  } catch (error) {
    if (error instanceof MalformedJson) return [];
    throw error;
  }
  return spans;
}
