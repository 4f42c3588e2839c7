import { createHash } from 'node:crypto';
import type { Deny, DenyMatch, DenyReason, EnvironmentId } from '../../wire/index.ts';

/** What a deny may hit, as far as the caller knows it. */
export interface DenySubject {
  readonly environmentId: EnvironmentId;
  readonly registrationId?: string;
  readonly incarnation?: string;
  readonly fingerprint?: string;
}

/** What a deny is about: two of the same thing for the same reason are one while it stands. */
export interface DenyTarget {
  readonly environmentId: EnvironmentId;
  readonly match: DenyMatch;
  readonly reason: DenyReason;
}

/** What one hello message may carry; above, those that end first give way: what they refuse has nearly expired. */
const MAX_STANDING = 16_384;

/** The denies that stand: data, without clock or socket. Times are seconds since the epoch. */
export class DenyList {
  readonly #denies = new Map<string, Deny>();

  /** Undefined when one of the same target stands already. */
  add(target: DenyTarget, since: number, until: number): Deny | undefined {
    if (this.#find(target, since) !== undefined) return undefined;
    const deny = { id: idOf(target, since), ...target, since, until };
    this.#denies.set(deny.id, deny);
    if (this.#denies.size > MAX_STANDING) this.#dropFirstToEnd();
    return deny;
  }

  /** The deny that stood against this target and stands no more. */
  lift(target: DenyTarget, now: number): Deny | undefined {
    const deny = this.#find(target, now);
    if (deny !== undefined) this.#denies.delete(deny.id);
    return deny;
  }

  find(id: string): Deny | undefined {
    return this.#denies.get(id);
  }

  standing(now: number, environmentId?: EnvironmentId): Deny[] {
    for (const deny of this.#denies.values()) if (deny.until <= now) this.#denies.delete(deny.id);
    const all = [...this.#denies.values()];
    return environmentId === undefined ? all : all.filter((deny) => deny.environmentId === environmentId);
  }

  /** The deny that stands against an executor. Identities are not looked up here: the directory is asked about them each time. */
  against(subject: DenySubject, now: number): Deny | undefined {
    return this.standing(now, subject.environmentId).find(({ match }) => hitsExecutor(match, subject));
  }

  #dropFirstToEnd(): void {
    const [first] = [...this.#denies.values()].sort((a, b) => a.until - b.until);
    if (first !== undefined) this.#denies.delete(first.id);
  }

  #find(target: DenyTarget, now: number): Deny | undefined {
    return this.standing(now, target.environmentId).find((deny) => sameTarget(deny, target));
  }
}

/** New at each occurrence: a sidecar enforces an id once, and access may end, be given and end again. */
function idOf({ environmentId, match, reason }: DenyTarget, since: number): string {
  return createHash('sha256')
    .update(JSON.stringify([environmentId, match, reason, since]))
    .digest('base64url');
}

function sameTarget(a: DenyTarget, b: DenyTarget): boolean {
  const text = ({ environmentId, match, reason }: DenyTarget) => JSON.stringify([environmentId, match, reason]);
  return text(a) === text(b);
}

function hitsExecutor(match: DenyMatch, subject: DenySubject): boolean {
  if ('registrationId' in match) return match.registrationId === subject.registrationId;
  if ('incarnation' in match) return match.incarnation === subject.incarnation;
  if ('fingerprint' in match) return match.fingerprint === subject.fingerprint;
  return false;
}
