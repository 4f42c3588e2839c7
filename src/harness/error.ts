/** Where on the way something failed; the words that people see beside the code. */
export type HarnessStep =
  | 'credential'
  | 'connect'
  | 'register'
  | 'validate'
  | 'relay'
  | 'handshake'
  | 'initialize'
  | 'recovery'
  | 'request'
  | 'process'
  | 'file';

/** Codes of this room. A refusal of a registry or relay keeps the code of its own body (`RefusalCode`). */
export type HarnessErrorCode =
  /** The source of credentials gave none. */
  | 'credential_unavailable'
  /** No connection to the registry, or it broke before the answer. */
  | 'registry_unreachable'
  | 'registry_timeout'
  /** An answer that is not what contract §2 says. */
  | 'registry_malformed'
  /** A status without a code that we know. */
  | 'registry_refused'
  /** The executor's key is not one of the pinned ones: a wrong peer, or a rotation that was not announced. */
  | 'key_not_pinned'
  /** The key changed while a session was being recovered (contract §8.2). */
  | 'executor_key_changed'
  | 'relay_unreachable'
  | 'relay_timeout'
  | 'relay_refused'
  /** A lost connection: closed, reset, or silent for too long. */
  | 'relay_lost'
  | 'handshake_failed'
  | 'handshake_timeout'
  /** The executor opens no session for us. */
  | 'initialize_refused'
  /** The registry refused the executor's own credential (contract §2.4): final until somebody mends the executor. */
  | 'executor_credential_rejected'
  /** The executor ended the channel, or sent what no executor may send. */
  | 'protocol_violation'
  /** The session could not be resumed; its processes are lost. The next command opens a new one. */
  | 'session_lost'
  /** The connection was cut while this request was under way; it may or may not have been executed. */
  | 'transport_error'
  /** The executor no longer has output that was not delivered (it retains 1 MiB, our built-in one more). */
  | 'output_lost'
  /** The executor does not have this method. */
  | 'not_supported'
  | 'not_found'
  /** The executor calls the request wrong, or may not do it: permissions, a directory where a file belongs. */
  | 'invalid_request'
  /** Any other failure at the executor. */
  | 'executor_error'
  /** The process reads its standard input no more. */
  | 'stdin_closed'
  | 'closed'
  | 'aborted'
  /** A bug of ours. */
  | 'internal';

export interface HarnessErrorDetails {
  /** Trying again later may help (contract §2.3, §8.2). */
  retryable?: boolean;
  /** The HTTP status of a refusal. */
  status?: number;
  cause?: unknown;
}

/** What goes wrong between a harness and its executor. Never holds a token, a ticket or a URL with one. */
export class HarnessError extends Error {
  override readonly name = 'HarnessError';
  readonly code: HarnessErrorCode | (string & {});
  readonly step: HarnessStep;
  readonly retryable: boolean;
  readonly status: number | undefined;

  constructor(code: HarnessError['code'], step: HarnessStep, message: string, details: HarnessErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.step = step;
    this.retryable = details.retryable ?? false;
    this.status = details.status;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
