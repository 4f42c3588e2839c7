import { TicketError } from '../../wire/index.ts';
import { Refusal } from './refusal.ts';

/**
 * Runs a ticket check; turns its failure into a refusal of `status`. The cause is for the log: who holds a bad ticket learns only
 * whether it was good once.
 */
export async function verified<Ticket>(status: number, verify: () => Promise<Ticket>): Promise<Ticket> {
  try {
    return await verify();
  } catch (cause) {
    if (!(cause instanceof TicketError)) throw cause;
    if (cause.code === 'ticket_expired') throw new Refusal(status, 'ticket_expired', 'the ticket is over', { cause });
    throw new Refusal(status, 'ticket_invalid', 'not a ticket for this socket', { cause });
  }
}
