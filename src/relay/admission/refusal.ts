import type { Duplex } from 'node:stream';
import type { RefusalCode } from '../../wire/index.ts';

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  503: 'Service Unavailable',
};

/** The limit that an upgrade met: a bounded set, since it becomes a label. */
export type UpgradeLimit =
  | 'sockets'
  | 'pending_upgrades'
  | 'identity_sockets'
  | 'identity_upgrades'
  | 'identity_streams'
  | 'failed_handshakes';

/** Why an upgrade is answered without a WebSocket (our-side.md §5). */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: RefusalCode;
  readonly limit: UpgradeLimit | undefined;

  constructor(status: number, code: RefusalCode, message: string, options?: { cause?: unknown; limit?: UpgradeLimit }) {
    super(message, options);
    this.status = status;
    this.code = code;
    this.limit = options?.limit;
  }
}

/**
 * Answers an upgrade request with a refusal and closes. Seconds of `Retry-After` are a formality: real endpoints ignore it.
 */
export function answerRefusal(socket: Duplex, { status, code, message }: Refusal): void {
  const body = JSON.stringify({ error: { code, message } });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Refused'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(status === 503 ? ['Retry-After: 1'] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
