import { type EnvironmentReport, fingerprintOf, type RegistrationId } from '../../wire/index.ts';
import type { DenyBoard } from '../denies/deny-board.ts';
import type { EnvironmentRecord } from '../directory/directory.ts';
import type { PresenceTable, Route } from '../presence/table.ts';
import type { SidecarReport, WatchHub } from '../watch/watch-hub.ts';

export interface ReportSources {
  readonly table: PresenceTable;
  readonly watches: WatchHub;
  readonly denies: DenyBoard;
}

/** What one environment looks like from here, all from memory. */
export function environmentReport(
  record: EnvironmentRecord,
  { table, watches, denies }: ReportSources,
): EnvironmentReport {
  const incarnation = record.fence.current;
  const reports = watches.reports(record.id, incarnation);
  const sessions = reports.length > 0 ? Math.max(...reports.map((each) => each.sessions)) : undefined;
  const known = sessions ?? table.sessionCount(record.id, incarnation);
  const active = reports.map((each) => each.lastActivity).filter((each) => each !== undefined);
  return {
    environmentId: record.id,
    ...(incarnation !== undefined && { incarnation }),
    registrations: registrationsOf(table.routes(record.id)),
    ...(known !== undefined && { sessions: known }),
    ...(active.length > 0 && { lastActivity: Math.max(...active) }),
    denies: denies.standing(record.id).map((deny) => ({ ...deny, acknowledgements: denies.acknowledgements(deny.id) })),
    revoked: record.keys.filter(({ state }) => state === 'Revoked').map(({ fingerprint }) => fingerprint),
    ...loadedIn(reports),
  };
}

/** What any of them holds; nothing is said while none says. */
function loadedIn(reports: readonly SidecarReport[]): Pick<EnvironmentReport, 'loaded'> {
  const loaded = reports.map((each) => each.loaded).filter((each) => each !== undefined);
  return loaded.length === 0 ? {} : { loaded: [...new Set(loaded.flat())] };
}

function registrationsOf(routes: readonly Route[]): EnvironmentReport['registrations'] {
  const found = new Map<RegistrationId, EnvironmentReport['registrations'][number]>();
  for (const { ticket } of routes) {
    const { registrationId, incarnation, keyId, publicKey, firstRegistrationTime } = ticket;
    const known = found.get(registrationId);
    found.set(registrationId, {
      registrationId,
      ...(keyId !== undefined && { keyId }),
      fingerprint: known?.fingerprint ?? fingerprintOf(publicKey),
      incarnation,
      firstRegistrationTime,
      relays: (known?.relays ?? 0) + 1,
    });
  }
  return [...found.values()];
}
