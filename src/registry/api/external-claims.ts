import type { EnvironmentId, ExecutorTicket, RegistrationId } from '../../wire/index.ts';
import type { Route } from '../presence/table.ts';
import { winnerOf } from '../presence/winner.ts';
import type { StandingClaim } from './register.ts';

interface IssuedClaim {
  readonly registrationId: RegistrationId;
  readonly firstRegistrationTime: number;
  readonly issuedAt: number;
}

/**
 * Who is the executor of an `External` environment (`our-side.md` §9). Presence tells who is there; what this registry issued last covers
 * the moment between a registration and its socket, and names a process that is away for now.
 */
export class ExternalClaims {
  readonly #issued = new Map<EnvironmentId, IssuedClaim>();

  issued(
    {
      environmentId,
      registrationId,
      firstRegistrationTime,
    }: Pick<ExecutorTicket, 'environmentId' | 'registrationId' | 'firstRegistrationTime'>,
    now: number,
  ): void {
    this.#issued.set(environmentId, { registrationId, firstRegistrationTime, issuedAt: now });
  }

  /** `routes`: those of the environment that are present and not denied. */
  standing(environmentId: EnvironmentId, routes: readonly Route[]): StandingClaim | undefined {
    const present = winnerOf(routes)[0]?.ticket;
    const issued = this.#issued.get(environmentId);
    if (issued === undefined || (present !== undefined && isLater(present, issued))) {
      return present && { ...claimOf(present), present: true, issuedAt: undefined };
    }
    return { ...issued, present: routes.some(({ ticket }) => ticket.registrationId === issued.registrationId) };
  }
}

function isLater(present: ExecutorTicket, issued: IssuedClaim): boolean {
  return present.firstRegistrationTime > issued.firstRegistrationTime;
}

function claimOf({ registrationId, firstRegistrationTime }: ExecutorTicket) {
  return { registrationId, firstRegistrationTime };
}
