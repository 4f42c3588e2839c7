/**
 * `ticket_invalid`: no ticket, or signed by none of the keys, or for another audience, or with claims missing.
 * `ticket_wrong_type`: a good ticket of another `typ`.
 * `ticket_version`: its claims are of a version that this release does not read.
 * `ticket_expired`: good, but after its time. Only here a fresh one helps.
 * `no_signing_key`: no key of the file may sign at this time.
 * `keys_file`: the ticket keys file is missing, unsafe or malformed; the message says how to mend it.
 */
export type TicketErrorCode =
  | 'ticket_invalid'
  | 'ticket_wrong_type'
  | 'ticket_version'
  | 'ticket_expired'
  | 'no_signing_key'
  | 'keys_file';

/** What is wrong with a ticket, or with the keys that sign them. Holds no part of either. */
export class TicketError extends Error {
  override readonly name = 'TicketError';
  readonly code: TicketErrorCode;
  readonly step: string;

  constructor(code: TicketErrorCode, step: string, message: string, options?: { cause?: unknown }) {
    super(`${step}: ${message}`, options);
    this.code = code;
    this.step = step;
  }
}
