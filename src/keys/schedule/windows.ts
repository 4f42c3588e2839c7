import { Cron } from 'croner';

/** A time in which the schedule may rotate keys. */
export interface MaintenanceWindow {
  /** When it opens: minute, hour, day of month, month, day of week. */
  readonly schedule: string;
  /** IANA name. */
  readonly timeZone: string;
  /** How long it is open, in milliseconds. */
  readonly duration: number;
}

/** One opening of a window: from `start`, until just before `end`. Milliseconds since the epoch. */
export interface Opening {
  readonly start: number;
  readonly end: number;
}

/** Windows that never open (30 February) are looked for in vain; nothing that opens less often than this is a window. */
const HORIZON_MS = 10 * 366 * 86_400_000;

/**
 * The first opening that ends after `from`; undefined when none does. In a change to summer time an opening at an hour that does not exist
 * is at the first one that does; in a change to winter time an hour that exists twice opens the first time (croner, as Vixie cron).
 */
export function openingAfter(windows: readonly MaintenanceWindow[], from: number): Opening | undefined {
  return windows
    .flatMap(({ schedule, timeZone, duration }): Opening[] => {
      // What opens within one duration before `from` is still open then.
      const opens = nextOpening({ schedule, timeZone }, from - duration);
      if (opens === undefined || opens - from > HORIZON_MS) return [];
      return [{ start: opens, end: opens + duration }];
    })
    .sort((a, b) => a.start - b.start)
    .at(0);
}

/** What is wrong with a window, in words; undefined when nothing is. */
export function windowProblem({
  schedule,
  timeZone,
}: Pick<MaintenanceWindow, 'schedule' | 'timeZone'>): string | undefined {
  try {
    const next = cronOf(schedule, timeZone).nextRun(new Date(0));
    return next === null ? `"${schedule}" never comes` : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Undefined for what never opens: a window that is wrong is for its owner to mend (`windowProblem`), and holds up nothing else. */
function nextOpening(
  { schedule, timeZone }: Pick<MaintenanceWindow, 'schedule' | 'timeZone'>,
  from: number,
): number | undefined {
  try {
    return cronOf(schedule, timeZone).nextRun(new Date(from))?.getTime();
  } catch {
    return undefined;
  }
}

function cronOf(schedule: string, timezone: string): Cron {
  return new Cron(schedule, { timezone, mode: '5-part', paused: true });
}
