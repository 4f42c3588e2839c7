/**
 * Why a call to the API server did not succeed. The first group is the server's `reason`; the second is what we add where there was no
 * usable answer.
 */
export type ApiErrorCode =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'Invalid'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'TooManyRequests'
  | 'Timeout'
  | 'ServerTimeout'
  | 'InternalError'
  | 'ServiceUnavailable'
  /** No connection, or it broke before the answer was complete. */
  | 'Unreachable'
  /** Nothing came for longer than the inactivity limit. */
  | 'Silent'
  /** The server answered what it may not answer: not JSON, or not the kind asked for. */
  | 'BadAnswer'
  /** A status code without a reason that we know. */
  | 'Unknown';

/** One cause of `Invalid` or `Conflict`, as the server says it. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface ApiErrorInit {
  readonly code: ApiErrorCode;
  /** What was asked, for example `apply Deployment agents/main`. Never holds a token. */
  readonly step: string;
  readonly message: string;
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  readonly causes?: readonly StatusCause[];
  /** When the server said so, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly step: string;
  readonly status: number | undefined;
  readonly causes: readonly StatusCause[];
  readonly retryAfterMs: number | undefined;

  constructor({ code, step, message, status, causes = [], retryAfterMs, cause }: ApiErrorInit) {
    super(`${step}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.step = step;
    this.status = status;
    this.causes = causes;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same call may succeed later with nothing else changed. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code) || (this.status !== undefined && this.status >= 500);
  }
}

const RETRYABLE: ReadonlySet<ApiErrorCode> = new Set([
  'TooManyRequests',
  'Timeout',
  'ServerTimeout',
  'InternalError',
  'ServiceUnavailable',
  'Unreachable',
  'Silent',
]);

/** The usual name when a call had no reason in its body, by HTTP status (apimachinery, `pkg/api/errors`, `NewGenericServerResponse`). */
const CODE_OF_STATUS: Readonly<Record<number, ApiErrorCode>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const SERVER_REASONS: ReadonlySet<string> = new Set([
  ...Object.values(CODE_OF_STATUS),
  'AlreadyExists',
  'Expired',
  'ServerTimeout',
]);

/** The code of a `Status` object, or of a bare HTTP status. */
export function codeOf(status: number, reason: unknown): ApiErrorCode {
  if (typeof reason === 'string' && SERVER_REASONS.has(reason)) return reason as ApiErrorCode;
  return CODE_OF_STATUS[status] ?? 'Unknown';
}

/** True for an `ApiError` with one of these codes: `if (isApiError(error, 'Conflict')) …`. Without codes: for any. */
export function isApiError<Code extends ApiErrorCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is ApiError & { readonly code: Code } {
  return error instanceof ApiError && (codes.length === 0 || codes.some((code) => code === error.code));
}

/** The watch or list started from a version that the server no longer has: list again. */
export function isExpired(error: unknown): boolean {
  return isApiError(error, 'Gone', 'Expired');
}
