import { TicketError } from '../../wire/index.ts';
import { Refusal } from './refusal.ts';

/**
 * Checks tickets, one signature at a time. Node hands each to a thread, and where a relay has one core four threads leave a fifth of it to the
 * streams as long as a burst of upgrades lasts. There a burst is through as soon as it would be side by side; where there are more, all else that an upgrade
 * takes is done by one thread in any case, and takes longer than a signature.
 */
export class TicketChecks {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs a check when those before it are through; turns its failure into a refusal of `status`. The cause is for the log: who holds a bad ticket
   * learns only whether it was good once.
   *
   * @throws Refusal
   */
  run<Ticket>(status: number, verify: () => Promise<Ticket>): Promise<Ticket> {
    const checked = this.#last.then(() => verified(status, verify));
    this.#last = checked.catch(() => undefined);
    return checked;
  }
}

async function verified<Ticket>(status: number, verify: () => Promise<Ticket>): Promise<Ticket> {
  try {
    return await verify();
  } catch (cause) {
    if (!(cause instanceof TicketError)) throw cause;
    if (cause.code === 'ticket_expired') throw new Refusal(status, 'ticket_expired', 'the ticket is over', { cause });
    throw new Refusal(status, 'ticket_invalid', 'not a ticket for this socket', { cause });
  }
}
