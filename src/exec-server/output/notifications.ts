import type { Entry } from './block.ts';

/**
 * The notification of one entry, as the bytes of its JSON text. By template: `JSON.stringify` would look at each character of base64
 * that can need no escape.
 */
export function encodeEntry(processIdJson: string, { seq, kind, bytes }: Entry): Buffer {
  const subject = `"processId":${processIdJson},"seq":${seq}`;
  switch (kind) {
    case 'exited':
      return Buffer.from(
        `{"method":"process/exited","params":{${subject},"exitCode":${bytes.readInt32BE(0)},"sandboxDenied":false}}`,
      );
    case 'closed':
      return Buffer.from(`{"method":"process/closed","params":{${subject}}}`);
    default:
      return around(`{"method":"process/output","params":{${subject},"stream":"${kind}","chunk":"`, bytes, '"}}');
  }
}

/** `before`, `bytes` in base64 and `after`: put together in one buffer, where one text of it all would be copied three times. */
function around(before: string, bytes: Buffer, after: string): Buffer {
  const encoded = bytes.toString('base64');
  const start = Buffer.byteLength(before);
  const end = start + encoded.length;
  const message = Buffer.allocUnsafe(end + after.length);
  message.write(before, 'utf8');
  message.write(encoded, start, 'latin1');
  message.write(after, end, 'latin1');
  return message;
}
