import { HarnessError, messageOf } from '../error.ts';

/** What a route answers the child: JSON with a status. */
export interface Answer {
  status: number;
  body: unknown;
}

/** The error body of contract §2, which a real peer reads. */
export function refusal(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}

/**
 * The answer for what went wrong upstream. What is only temporarily so must stay retryable for a real harness (contract §2.3) and must
 * never be a 401 for a real executor (contract §2.4): hence 503 where no registry spoke.
 */
export function refusalFor(error: unknown): Answer {
  if (!(error instanceof HarnessError)) return refusal(500, 'connector_failed', messageOf(error));
  return refusal(error.status ?? (error.retryable ? 503 : 502), error.code, error.message);
}
