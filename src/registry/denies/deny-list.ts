import { createHash } from 'node:crypto';
import type { Deny, DenyMatch, DenyReason, EnvironmentId } from '../../wire/index.ts';

/** What a deny may hit, as far as the caller knows it. */
export interface DenySubject {
  readonly environmentId: EnvironmentId;
  readonly registrationId?: string;
  readonly incarnation?: string;
  readonly fingerprint?: string;
}

/**
 * The denies that stand: data, without clock or socket. Times are seconds since the epoch. One deny of the same thing for the same
 * reason has the same id on every registry, so that nobody enforces or acknowledges it twice.
 */
export class DenyList {
  readonly #denies = new Map<string, Deny>();

  /** Adds it, or moves the end of the one that stands. */
  add(deny: Deny): void {
    this.#denies.set(deny.id, deny);
  }

  /** Returns whether it stood. */
  lift(id: string): boolean {
    return this.#denies.delete(id);
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
}

export function denyOf(
  environmentId: EnvironmentId,
  match: DenyMatch,
  reason: DenyReason,
  time: { readonly since: number; readonly until: number },
): Deny {
  return { id: denyId(environmentId, match, reason), environmentId, match, reason, ...time };
}

export function denyId(environmentId: EnvironmentId, match: DenyMatch, reason: DenyReason): string {
  return createHash('sha256')
    .update(JSON.stringify([environmentId, Object.entries(match).sort(), reason]))
    .digest('base64url');
}

function hitsExecutor(match: DenyMatch, subject: DenySubject): boolean {
  if ('registrationId' in match) return match.registrationId === subject.registrationId;
  if ('incarnation' in match) return match.incarnation === subject.incarnation;
  if ('fingerprint' in match) return match.fingerprint === subject.fingerprint;
  return false;
}
