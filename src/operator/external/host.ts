import { type ExecutorStatus, READY, REASONS } from '../../api/index.ts';
import { type Occurrence, secondTime } from '../../kube/index.ts';
import type { Condition } from '../conditions/conditions.ts';
import type { ExecutorFacts } from '../registries/facts.ts';
import { SHOWN_FOR_MS } from '../registries/sessions.ts';

type Host = Pick<NonNullable<ExecutorStatus['external']>, 'fingerprint' | 'registrationTime'>;

/** Whether a host is there; `unheard`: no registry can be asked, and what was known before is too old. */
export type HostPresence = 'present' | 'absent' | 'unheard';

export interface ObservedHost {
  /** As last shown: it stays when the host leaves, so that the next one is told from it. */
  readonly before: Host;
  readonly wasPresent: boolean;
  readonly facts: Pick<ExecutorFacts, 'known' | 'registrations'>;
  /** Since when registries are heard as they are now, in milliseconds. */
  readonly changedAt: number;
  readonly now: number;
}

export interface HostDecision {
  readonly presence: HostPresence;
  readonly host: Host;
  /** The key is another one than before: an event, once (`our-side.md` §9). */
  readonly event: Occurrence | undefined;
  /** Look again then: what is shown is not known any more. */
  readonly nextTime: number | undefined;
}

/** Who the executor is now. Of several registrations the latest wins at every registry (`our-side.md` §9), so it does here. */
export function decideHost({ before, wasPresent, facts, changedAt, now }: ObservedHost): HostDecision {
  const [latest] = facts.registrations;
  if (latest === undefined) {
    const until = changedAt + SHOWN_FOR_MS;
    const trusted = !facts.known && until > now;
    const presence = facts.known ? 'absent' : trusted && wasPresent ? 'present' : 'unheard';
    return { presence, host: before, event: undefined, nextTime: trusted ? until : undefined };
  }
  const { fingerprint } = latest;
  const host = { fingerprint, registrationTime: secondTime(latest.firstRegistrationTime * 1000) };
  const changed = fingerprint !== before.fingerprint;
  return { presence: 'present', host, event: changed ? joined(fingerprint, before) : undefined, nextTime: undefined };
}

function joined(fingerprint: string, before: Host): Occurrence {
  if (before.fingerprint === undefined) {
    return { type: 'Normal', reason: 'HostJoined', action: 'Join', note: `A host joined with key ${fingerprint}.` };
  }
  const note = `The host has another key now: ${fingerprint}; before it was ${before.fingerprint}. A process makes a new one at each start.`;
  return { type: 'Normal', reason: 'HostKeyChanged', action: 'Join', note };
}

export function wasPresent(conditions: readonly Condition[]): boolean {
  return conditions.some(({ type, reason }) => type === READY && reason === REASONS.Registered);
}
