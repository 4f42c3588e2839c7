import type { ExecutorTicket } from '../wire/index.ts';
import { TICKET_LAST_DAY_SECONDS, TICKET_LAST_PART } from './limits.ts';

/** What is to be done about the ticket behind a live executor socket. */
export type TicketVerdict = 'keep' | 'close_when_quiet' | 'close';

/**
 * Only a real executor's socket ends with its ticket (our-side.md §2): our sidecar refreshes its own, and expiry never cuts it.
 * All times in seconds.
 */
export function ticketVerdict(ticket: ExecutorTicket, acceptedAt: number, now: number): TicketVerdict {
  if (ticket.runtime === 'sidecar') return 'keep';
  if (now >= ticket.expiresAt) return 'close';
  const lastPart = Math.min(TICKET_LAST_DAY_SECONDS, (ticket.expiresAt - acceptedAt) / TICKET_LAST_PART);
  return now >= ticket.expiresAt - lastPart ? 'close_when_quiet' : 'keep';
}
