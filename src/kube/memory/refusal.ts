import type { ApiErrorCode, StatusCause } from '../client/errors.ts';

/** An answer that is not what was asked for: a `metav1.Status`. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: ApiErrorCode;
  readonly causes: readonly StatusCause[];

  constructor(status: number, reason: ApiErrorCode, message: string, causes: readonly StatusCause[] = []) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }
}

export function statusObject({ status: code, reason, message, causes }: Refusal) {
  return {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    code,
    reason,
    message,
    ...(causes.length === 0 ? {} : { details: { causes } }),
  };
}
