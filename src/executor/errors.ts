/** What can go wrong inside the sidecar. Codes are stable: log lines and tests name them. */
export type ExecutorErrorCode =
  | 'bad_options'
  | 'exec_server_token'
  | 'exec_server_unreachable'
  | 'exec_server_refused'
  | 'exec_server_protocol'
  | 'session_file'
  | 'token_file'
  | 'message_too_large'
  | 'too_many_initializes';

export class ExecutorError extends Error {
  readonly code: ExecutorErrorCode;
  readonly step: string;

  constructor(code: ExecutorErrorCode, step: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ExecutorError';
    this.code = code;
    this.step = step;
  }
}

/**
 * The code of any error that carries one (ours, Node's, or that of its cause: `fetch` hides it there), for log lines that must not print
 * messages from outside.
 */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  if (!(error instanceof Error)) return 'unknown';
  return error.cause === undefined ? error.name : codeOf(error.cause);
}
