import { type HarnessTicket, readUncheckedHarnessTicket } from '../../wire/index.ts';
import type { ExecutorSocket } from '../sockets/executor-socket.ts';
import { partyOf } from '../sockets/harness-socket.ts';
import { harnessSubject } from './denies.ts';
import type { Door } from './door.ts';
import { Refusal } from './refusal.ts';

export interface AdmittedHarness {
  readonly ticket: HarnessTicket;
  readonly executor: ExecutorSocket;
}

/**
 * What of a harness's upgrade does not depend on the executor. The ticket may be for another relay.
 *
 * @throws Refusal
 */
export async function readHarness(door: Door, token: string): Promise<HarnessTicket> {
  door.checkOpen('harness');
  refuseAtOnce(door, token);
  const ticket = await door.checks.run(401, () => door.keys.verifier.verifyHarnessTicket(token, door.nowSeconds()));
  door.countUpgrade('harness', ticket.identityHash);
  checkHarness(door, ticket);
  return ticket;
}

/**
 * Refuses by what the ticket says of itself what would be refused after the check of its signature too, which costs more than all the rest
 * of an upgrade. So a flood with one ticket, or of an identity that has used up its upgrades, takes little from the streams of others.
 */
function refuseAtOnce(door: Door, token: string): void {
  const said = readUncheckedHarnessTicket(token);
  if (said === undefined) return;
  checkUnused(door, said.jti);
  door.checkUpgrades(said.identityHash);
}

function checkUnused(door: Door, jti: string): void {
  if (door.used.has(jti)) throw new Refusal(401, 'ticket_used', 'a ticket opens one socket; ask connect again');
}

/**
 * Finds the executor of a ticket for this relay (our-side.md §5). Every refusal is 401: after it a real harness asks `connect` once more,
 * after anything else it gives up. `signal` ends the wait for an executor that went a moment ago. The ticket is not consumed here: whoever
 * accepts the socket calls `checkHarness` again and consumes the ticket with nothing awaited in between, since several dials with one
 * ticket may have waited for the same executor.
 *
 * @throws Refusal
 */
export async function admitHarness(door: Door, ticket: HarnessTicket, signal: AbortSignal): Promise<AdmittedHarness> {
  const executor = await door.routes.waitFor(ticket.registrationId, door.limits.executorReturnMs, signal);
  if (executor === undefined || !executor.open || !executor.serving) {
    throw new Refusal(401, 'executor_gone', 'the executor is not here, or not with this key; ask connect again');
  }
  return { ticket, executor };
}

/**
 * Whether this relay may hold a socket with this ticket. What is asked of an executor is not asked of a harness that is passed on: the
 * relay that has the executor asks it, and one of two answers would be wrong.
 *
 * @throws Refusal
 */
export function checkHarness(door: Door, ticket: HarnessTicket): void {
  door.checkOpen('harness');
  checkUnused(door, ticket.jti);
  if (door.denies.find(harnessSubject(ticket), door.nowSeconds()) !== undefined) {
    throw new Refusal(401, 'revoked', 'the grant or the registration ended');
  }
  if (!door.visitors.mayHold(ticket.identityHash)) {
    const most = door.limits.socketsPerIdentity;
    throw new Refusal(401, 'rate_limited', `more than ${most} sockets at this relay`, { limit: 'identity_sockets' });
  }
  if (ticket.bootId === door.bootId) checkAtExecutor(door, ticket);
}

function checkAtExecutor(door: Door, ticket: HarnessTicket): void {
  const party = partyOf(ticket);
  if (door.gate.penaltyUntil(party, door.clock.now()) > 0) {
    const why = 'too many failed handshakes at this executor; wait a minute';
    throw new Refusal(401, 'rate_limited', why, { limit: 'failed_handshakes' });
  }
  if (!door.visitors.hasRoom(party)) {
    const most = door.limits.streamsPerIdentity;
    throw new Refusal(401, 'rate_limited', `more than ${most} streams at this executor`, { limit: 'identity_streams' });
  }
}
