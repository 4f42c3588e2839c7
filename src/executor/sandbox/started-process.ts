import { JsonCursor, MalformedJson } from './json-cursor.ts';

/**
 * The process id of a `process/start` request, undefined for any other message. A real exec-server has no way to end a session, so the
 * sidecar remembers what to terminate. The first test is on bytes: only a message that spells the method, or that could spell it with
 * escapes, is looked into. Large messages are base64 and hold neither.
 */
export function startedProcessId(message: Uint8Array): string | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (!bytes.includes('process/start') && !bytes.includes('\\')) return undefined;
  const cursor = new JsonCursor(message);
  let method: string | undefined;
  let processId: string | undefined;
  try {
    cursor.members((key) => {
      if (key === 'method') method = cursor.readString();
      else if (key === 'params')
        cursor.members((name) => {
          if (name === 'processId') processId = cursor.readString();
          else cursor.skipValue();
        });
      else cursor.skipValue();
    });
  } catch (error) {
    if (error instanceof MalformedJson) return undefined;
    throw error;
  }
  return method === 'process/start' ? processId : undefined;
}
