import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { RefusalCode } from '../../wire/index.ts';
import { TokenBucket } from '../flow/token-bucket.ts';
import { REFUSAL_LINES } from '../limits.ts';

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
    const { stackTraceLimit } = Error;
    // An answer, and no fault: nobody reads its stack, which a flood would have this relay write down a thousand times a second.
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
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

/** Refused upgrades in the log: each by itself until there are too many, then how many of each code. */
export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #lines: TokenBucket;
  readonly #omitted = new Map<string, number>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#lines = new TokenBucket(REFUSAL_LINES, clock.now());
  }

  add(role: string | undefined, { code, status, message, cause }: Refusal): void {
    if (!this.#lines.tryOne(this.#clock.now())) {
      this.#omitted.set(code, (this.#omitted.get(code) ?? 0) + 1);
      return;
    }
    const why = cause instanceof Error ? cause.message : message;
    this.#logger.info({ role, code, status, why }, 'upgrade refused');
  }

  /** To be called about every second. */
  sweep(): void {
    if (this.#omitted.size === 0) return;
    this.#logger.info({ codes: Object.fromEntries(this.#omitted) }, 'more upgrades refused than are logged');
    this.#omitted.clear();
  }
}
