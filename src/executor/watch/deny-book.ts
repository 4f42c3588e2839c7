import type { Deny, Fingerprint, Incarnation, RegistrationId } from '../../wire/index.ts';

/** What a deny may name of a stream or a session. */
export interface DenySubject {
  readonly registrationId: RegistrationId;
  readonly fingerprint: Fingerprint;
  readonly identityHash: string;
  readonly grant: string;
}

/** Clocks of registry and sidecar may differ by this much, in seconds. */
const CLOCK_SKEW_SECONDS = 60;
/** Denies that are remembered as handled; a registry sends those that stand again at each connection. */
const MAX_REMEMBERED = 16_384;

/** Denies that a validation under way is held against: it takes at most 10 s. */
const MAX_RECENT = 1024;

/**
 * Whether a deny is about this one. `incarnation` is our own: undefined while we do not know it.
 */
export function denyHits({ match }: Deny, subject: DenySubject, incarnation: Incarnation | undefined): boolean {
  if ('registrationId' in match) return match.registrationId === subject.registrationId;
  if ('incarnation' in match) return match.incarnation === incarnation;
  if ('fingerprint' in match) return match.fingerprint === subject.fingerprint;
  if ('identityHash' in match)
    return match.identityHash === subject.identityHash && (match.grant === undefined || match.grant === subject.grant);
  return match.grant === subject.grant;
}

/**
 * Whether what was validated at this time is ended by the deny. A registry that said yes after an end of a grant knew of it: the grant was
 * given again. A revoked key or a lost fence is never given back.
 */
export function denyReaches({ since, match }: Deny, validatedTimeMs: number): boolean {
  const isOfGrant = 'grant' in match || 'identityHash' in match;
  return !isOfGrant || validatedTimeMs / 1000 <= since + CLOCK_SKEW_SECONDS;
}

/** The denies that this life of the sidecar has heard, each once. */
export class DenyBook {
  readonly #seen = new Set<string>();
  readonly #heard: Deny[] = [];
  #marks = 0;
  #incarnation: Incarnation | undefined;

  setIncarnation(incarnation: Incarnation): void {
    this.#incarnation = incarnation;
  }

  get incarnation(): Incarnation | undefined {
    return this.#incarnation;
  }

  /** False for one that was heard before: it is enforced already, or being enforced. */
  hear(deny: Deny): boolean {
    if (this.#seen.has(deny.id)) return false;
    if (this.#seen.size >= MAX_REMEMBERED) this.#seen.clear();
    this.#seen.add(deny.id);
    this.#heard.push(deny);
    if (this.#heard.length > MAX_RECENT) this.#heard.shift();
    this.#marks += 1;
    return true;
  }

  /** Taken back: heard again it counts again. */
  forget(denyId: string): void {
    this.#seen.delete(denyId);
  }

  /** A point in time, in denies heard. */
  mark(): number {
    return this.#marks;
  }

  /** Whether one heard since the mark hits: it overtook the registry's yes, which was said before. */
  hitsSince(mark: number, subject: DenySubject): boolean {
    const overtaking = this.#marks - mark;
    if (overtaking === 0) return false;
    return this.#heard.slice(-overtaking).some((deny) => denyHits(deny, subject, this.#incarnation));
  }
}
