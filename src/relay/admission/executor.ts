import type { ExecutorTicket } from '../../wire/index.ts';
import { executorSubject } from './denies.ts';
import type { Door } from './door.ts';
import { Refusal } from './refusal.ts';

/** Request header of our sidecar: the boot ids of the relays that already hold a socket of this registration (our-side.md §4). */
export const HOLDS_HEADER = 'x-noisefleet-holds';

export interface ExecutorUpgrade {
  readonly token: string;
  /** The header `x-noisefleet-holds`. */
  readonly holds: string | undefined;
}

/**
 * Checks an executor's upgrade (our-side.md §5). 403 makes a real executor register again, 503 makes it dial the same URL again.
 *
 * @throws Refusal
 */
export async function admitExecutor(door: Door, { token, holds }: ExecutorUpgrade): Promise<ExecutorTicket> {
  door.checkOpen('executor');
  const ticket = await door.checks.run(403, () => door.keys.verifier.verifyExecutorTicket(token, door.nowSeconds()));
  // Again: a drain may have begun meanwhile.
  door.checkOpen('executor');
  door.countUpgrade('executor', ticket.registrationId);
  const deny = door.denies.find(executorSubject(ticket), door.nowSeconds());
  if (deny !== undefined) {
    const code = deny.reason === 'superseded' ? 'superseded' : 'revoked';
    throw new Refusal(403, code, `this registration was refused by a registry (${deny.reason}); register again`);
  }
  // Before it is present somewhere nobody is sent to it. With every relay alone nobody is sent to any, and what is open stays.
  if (door.isAlone) {
    throw new Refusal(503, 'not_synced', 'no registry hears of this relay: dial again, to another replica');
  }
  if (!door.forwards && ticket.runtime === 'external') {
    throw new Refusal(503, 'draining', 'what comes in here does not come out: dial again, to another replica');
  }
  if (door.mustRenew(ticket)) {
    throw new Refusal(
      403,
      'ticket_expired',
      'this ticket is in its last day and its socket was closed; register again',
    );
  }
  const held = holds?.split(',').map((bootId) => bootId.trim()) ?? [];
  if (held.includes(door.bootId) && door.routes.find(ticket.registrationId)?.open) {
    throw new Refusal(
      409,
      'already_here',
      'this relay already holds a socket of this registration; dial another replica',
    );
  }
  return ticket;
}
