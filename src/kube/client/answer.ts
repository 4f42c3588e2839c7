import { ApiError, codeOf } from './errors.ts';

/** The JSON object that an answer or an event must be. */
export function parseJson(text: string, step: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ApiError({ code: 'BadAnswer', step, message: 'the answer is not JSON', cause });
  }
  if (typeof value === 'object' && value !== null) return value;
  throw new ApiError({ code: 'BadAnswer', step, message: 'the answer is not a JSON object' });
}

interface Status {
  readonly code?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: unknown };
}

/** A `metav1.Status` as an error. `httpStatus` 0: the status is in the object only. */
export function errorOfStatus(object: unknown, httpStatus: number, step: string, retryAfterMs?: number): ApiError {
  const status: Status = typeof object === 'object' && object !== null ? object : {};
  const number = typeof status.code === 'number' ? status.code : httpStatus;
  const causes = status.details?.causes;
  return new ApiError({
    code: codeOf(number, status.reason),
    step,
    status: number,
    message: typeof status.message === 'string' ? status.message : `the API server answered ${number}`,
    ...(Array.isArray(causes) ? { causes } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
