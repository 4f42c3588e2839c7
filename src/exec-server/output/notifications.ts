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
      return Buffer.from(
        `{"method":"process/output","params":{${subject},"stream":"${kind}","chunk":"${bytes.toString('base64')}"}}`,
      );
  }
}
