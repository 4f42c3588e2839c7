import type { EnvironmentReport } from '../../wire/index.ts';

/** A key of an executor on a live socket, as the registries know it. */
type Registration = EnvironmentReport['registrations'][number];
type StandingDeny = EnvironmentReport['denies'][number];

/** What one ready registry says of an executor. */
export interface ReplicaView {
  /** Of its pod. */
  readonly name: string;
  /** It has said everything once, and its relays have reported to it: what it does not mention is not there. */
  readonly complete: boolean;
  readonly report: EnvironmentReport | undefined;
}

/** What the registries of a Relay say together of one executor. */
export interface ExecutorFacts {
  /** Whether a registry that is complete was heard: then an executor without registrations is not there. */
  readonly known: boolean;
  /** Clients that have a session. Undefined when nobody knows, which is not zero. */
  readonly sessions: number | undefined;
  /** When one of them last sent something, in seconds since the epoch, down to a step of `ACTIVITY_STEP_SECONDS`. */
  readonly lastActivity: number | undefined;
  /** Every ready registry was heard, and each that has a word on it says that there is no session. */
  readonly idle: boolean;
  /** Latest first registration first. */
  readonly registrations: readonly Registration[];
  /** Denies that stand, with everybody who said that they are enforced. */
  readonly denies: readonly StandingDeny[];
  /** Each ready registry, and the keys that it refuses as revoked; none while it has not said everything once. */
  readonly refusals: readonly Refusals[];
  /** Whether registries name relays by their pods, as those of an earlier release do not. */
  readonly namesPods: boolean;
  /** Keys in the memory of the sidecar of this incarnation; undefined while nobody says. */
  readonly loaded: ReadonlySet<string> | undefined;
}

interface Refusals {
  readonly registry: string;
  readonly fingerprints: ReadonlySet<string>;
}

/**
 * Activity is told in such steps: a status that changed with every keystroke of every session would be a write a second, and people ask
 * "today or last week".
 */
const ACTIVITY_STEP_SECONDS = 300;

/** One picture from those of all ready registries; `incarnation` is the fence, or undefined for `External`, which has none. */
export function combine(views: readonly ReplicaView[], incarnation: string | undefined): ExecutorFacts {
  const reports = views.flatMap(({ report }) => report ?? []);
  // Of another incarnation: this registry has not heard yet of the pod that counts, or we have not.
  const current = reports.filter((report) => report.incarnation === incarnation);
  const counts = current.flatMap(({ sessions }) => sessions ?? []);
  const times = current.flatMap(({ lastActivity }) => lastActivity ?? []);
  const everybodyHeard = views.length > 0 && views.every(({ complete }) => complete);
  return {
    known: views.some(({ complete }) => complete),
    sessions: counts.length === 0 ? undefined : Math.max(...counts),
    lastActivity: times.length === 0 ? undefined : floorTo(Math.max(...times), ACTIVITY_STEP_SECONDS),
    idle: everybodyHeard && current.length === views.length && counts.length > 0 && counts.every((each) => each === 0),
    registrations: registrationsIn(reports),
    denies: deniesIn(reports),
    refusals: views.map(refusalsOf),
    namesPods: reports.length > 0 && reports.every(({ revoked }) => revoked !== undefined),
    loaded: loadedIn(current),
  };
}

/** What a registry of an earlier release denies stands for what it refuses: it says no more. */
function refusalsOf({ name, complete, report }: ReplicaView): Refusals {
  if (!complete || report === undefined) return { registry: name, fingerprints: new Set() };
  const denied = report.denies.flatMap(({ match }) => ('fingerprint' in match ? match.fingerprint : []));
  return { registry: name, fingerprints: new Set([...denied, ...(report.revoked ?? [])]) };
}

function loadedIn(reports: readonly EnvironmentReport[]): ReadonlySet<string> | undefined {
  const loaded = reports.flatMap((each) => (each.loaded === undefined ? [] : [each.loaded]));
  return loaded.length === 0 ? undefined : new Set(loaded.flat());
}

function registrationsIn(reports: readonly EnvironmentReport[]): Registration[] {
  const found = new Map<string, Registration>();
  for (const registration of reports.flatMap(({ registrations }) => registrations)) {
    const known = found.get(registration.registrationId);
    // Every registry counts the relays that report to it, and all relays report to all.
    if (known === undefined || known.relays < registration.relays) found.set(registration.registrationId, registration);
  }
  return [...found.values()].toSorted(
    (a, b) => b.firstRegistrationTime - a.firstRegistrationTime || (a.registrationId < b.registrationId ? 1 : -1),
  );
}

/** Each registry makes its own ids; the same deny of two of them is told apart by nothing else, so both stand here. */
function deniesIn(reports: readonly EnvironmentReport[]): StandingDeny[] {
  const found = new Map<string, StandingDeny>();
  for (const deny of reports.flatMap(({ denies }) => denies)) {
    const known = found.get(deny.id);
    const acknowledgements = [...(known?.acknowledgements ?? []), ...deny.acknowledgements];
    found.set(deny.id, { ...deny, acknowledgements });
  }
  return [...found.values()];
}

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step;
}
