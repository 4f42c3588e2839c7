import { printable, shortened } from '../output/printable.ts';
import { isOver, type Target } from './campaign.ts';

/** Characters between the brackets. */
const BAR = 20;

/** Longest message of a condition in a line; all of it is in `noisefleet status`. */
const MAX_WHY = 160;

/** `build   k3 → k4   prepared 0.3 s · serving new clients 1.1 s · k3 accepted until … · 2 sessions untouched` */
export function rotationLine(target: Target): string {
  const { namespace, name, standing, lost } = target;
  const label = `${namespace}/${name}`;
  if (lost === 'deleted') return `${label}   was deleted`;
  if (lost === 'replaced') return `${label}   somebody else's request has replaced this one`;
  switch (standing.type) {
    case 'open':
      return `${label}   not asked yet`;
    case 'waiting':
      return `${label}   asked${why(standing)}`;
    case 'making':
      return `${label}   ${standing.key.id} is not served yet${why(standing)}`;
    case 'done':
      return `${label}   ${arrow(standing)}${facts(target)
        .map((fact) => ` · ${fact}`)
        .join('')}`;
    default:
      return standing satisfies never;
  }
}

/** `rotating 12 executors  [##########··········]  10/12   2 waiting for … (OverlapFull)` */
export function progressLine(targets: readonly Target[]): string {
  const done = targets.filter(isOver).length;
  const filled = targets.length === 0 ? BAR : Math.floor((BAR * done) / targets.length);
  const bar = `${'#'.repeat(filled)}${'·'.repeat(BAR - filled)}`;
  const open = targets.filter(({ standing, lost }) => standing.type === 'open' && lost === undefined).length;
  const parts = [...(open === 0 ? [] : [`${open} not asked yet`]), ...reasons(targets)];
  return `rotating ${counted(targets.length)}  [${bar}]  ${done}/${targets.length}   ${parts.join(' · ')}`.trimEnd();
}

export function counted(executors: number): string {
  return `${executors} ${executors === 1 ? 'executor' : 'executors'}`;
}

/** How many wait, by the reason. */
function reasons(targets: readonly Target[]): string[] {
  const counts = new Map<string, number>();
  for (const { standing, lost } of targets) {
    const reason = standing.type === 'waiting' && lost === undefined ? standing.reason : undefined;
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) =>
    reason === 'OverlapFull'
      ? `${count} waiting for the overlap of an earlier rotation (OverlapFull)`
      : `${count} waiting (${printable(reason)})`,
  );
}

function arrow({ key, before }: Extract<Target['standing'], { type: 'done' }>): string {
  if (key === undefined) return 'no key serves';
  return before === undefined ? key.id : `${before.id} → ${key.id}`;
}

function facts({ standing, askedAt, preparedAt, servedAt, sessions }: Target): string[] {
  if (standing.type !== 'done') return [];
  const after = (at: number | undefined) =>
    at === undefined || askedAt === undefined ? undefined : `${((at - askedAt) / 1000).toFixed(1)} s`;
  const [prepared, served] = [after(preparedAt), after(servedAt)];
  const until = standing.before?.retirementTime;
  return [
    ...(prepared === undefined ? [] : [`prepared ${prepared}`]),
    ...(served === undefined ? [] : [`serving new clients ${served}`]),
    ...(until === undefined ? [] : [`${standing.before?.id} accepted until ${until}`]),
    ...(sessions === undefined ? [] : [`${sessions} ${sessions === 1 ? 'session' : 'sessions'} untouched`]),
  ];
}

function why({
  message,
  reason,
}: {
  readonly message?: string | undefined;
  readonly reason?: string | undefined;
}): string {
  const told = [reason, message].filter((each) => each !== undefined);
  return told.length === 0 ? '' : `: ${shortened(told.join(': '), MAX_WHY)}`;
}
