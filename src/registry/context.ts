import type { Clock } from '../telemetry/index.ts';
import type { EnvironmentId, TicketSigner, TicketVerifier } from '../wire/index.ts';
import type { AccessLog } from './access-log.ts';
import type { ExternalClaims } from './api/external-claims.ts';
import type { ChangeSignal } from './change-signal.ts';
import type { DenyBoard } from './denies/deny-board.ts';
import type { Directory } from './directory/directory.ts';
import type { MeteredLimits } from './limits/limits.ts';
import type { Penalties } from './limits/penalties.ts';
import type { UsedOnce } from './limits/used-once.ts';
import type { PresenceHub } from './presence/presence-hub.ts';
import type { PresenceTable, Route } from './presence/table.ts';

/** What the three calls work with: the parts of one registry, wired in `start.ts`. */
export interface RegistryContext {
  readonly clock: Clock;
  readonly directory: Directory;
  readonly table: PresenceTable;
  readonly hub: PresenceHub;
  readonly denies: DenyBoard;
  readonly claims: ExternalClaims;
  readonly penalties: Penalties;
  readonly usedAuthorizations: UsedOnce;
  readonly limits: MeteredLimits;
  readonly signer: TicketSigner;
  readonly verifier: TicketVerifier;
  readonly changes: ChangeSignal;
  readonly access: AccessLog;
  /** Base URL of the relays' listener for a caller that named us by this host, without a trailing slash. */
  readonly relayUrlFor: (host: string | undefined) => string;
  readonly isClosing: () => boolean;
}

/** Present and not denied: what may be handed out. */
export function usableRoutes(
  { table, denies }: Pick<RegistryContext, 'table' | 'denies'>,
  environmentId: EnvironmentId,
): Route[] {
  return table.routes(environmentId).filter(({ ticket }) => {
    const { registrationId, incarnation } = ticket;
    return denies.against({ environmentId, registrationId, incarnation }) === undefined;
  });
}
