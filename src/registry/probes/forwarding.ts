import type { RegistrationId } from '../../wire/index.ts';
import type { ConnectionId } from '../presence/table.ts';

/**
 * So many probes in a row without an answer: about a quarter of a minute. One or two are a garbage collection, an executor that just went, or
 * a lost packet.
 */
const UNANSWERED_PROBES = 3;
/** A relay whose last probe was answered less than this ago, in milliseconds, shows that the fault is not ours: three probes of it fit in. */
export const WITNESS_MS = 15_000;

/** What is known of one relay that is present. Times in milliseconds since the epoch. */
export interface ProbedRelay {
  readonly connection: ConnectionId;
  /** The verdict that stands. */
  readonly forwards: boolean;
  /** Registrations of sidecars that are there now: through them it can be probed. */
  readonly sidecars: number;
  /** Whose probes were not answered since the last that was, the newest last. */
  readonly unanswered: readonly RegistrationId[];
  readonly answeredAt: number | undefined;
}

/**
 * Whether each relay forwards. A relay is taken out only on the evidence of several registrations (of one, if there is no other) and while
 * another relay answers: if none does, the fault may be this registry's own, and taking out all of them would be the outage. One good probe
 * brings it back; so does the last sidecar that leaves, since nobody could ever bring it back otherwise.
 */
export function decideForwarding(relays: readonly ProbedRelay[], now: number): Map<ConnectionId, boolean> {
  return new Map(relays.map((relay) => [relay.connection, decideOne(relay, relays, now)]));
}

function decideOne(relay: ProbedRelay, all: readonly ProbedRelay[], now: number): boolean {
  const { unanswered, sidecars, forwards } = relay;
  if (sidecars === 0 || unanswered.length === 0) return true;
  if (!forwards || unanswered.length < UNANSWERED_PROBES) return forwards;
  const isEvidence = new Set(unanswered).size >= Math.min(UNANSWERED_PROBES, sidecars);
  const isWitnessed = all.some((other) => other !== relay && answersNow(other, now));
  return !(isEvidence && isWitnessed);
}

function answersNow({ unanswered, answeredAt }: ProbedRelay, now: number): boolean {
  return unanswered.length === 0 && answeredAt !== undefined && now - answeredAt < WITNESS_MS;
}
