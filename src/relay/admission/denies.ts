import { type Deny, type ExecutorTicket, fingerprintOf, type HarnessTicket } from '../../wire/index.ts';

/** What a deny is compared with; absent members are not known of the socket and match nothing. */
export interface DenySubject {
  readonly environmentId: string;
  readonly registrationId: string;
  readonly incarnation?: string;
  readonly fingerprint?: string;
  readonly identityHash?: string;
  readonly grant?: string;
}

export function executorSubject(ticket: ExecutorTicket): DenySubject {
  const { environmentId, registrationId, incarnation, publicKey } = ticket;
  return { environmentId, registrationId, incarnation, fingerprint: fingerprintOf(publicKey) };
}

export function harnessSubject({ environmentId, registrationId, identityHash, grant }: HarnessTicket): DenySubject {
  return { environmentId, registrationId, identityHash, grant };
}

/** True when every member that the deny names is the subject's. Times are not looked at. */
export function denyMatches({ environmentId, match }: Deny, subject: DenySubject): boolean {
  if (environmentId !== subject.environmentId) return false;
  if ('registrationId' in match) return match.registrationId === subject.registrationId;
  if ('incarnation' in match) return match.incarnation === subject.incarnation;
  if ('fingerprint' in match) return match.fingerprint === subject.fingerprint;
  if ('identityHash' in match) {
    return match.identityHash === subject.identityHash && (match.grant === undefined || match.grant === subject.grant);
  }
  return match.grant === subject.grant;
}

/** The denies of every registry, each kept until its end, also while that registry is away. */
export class DenyList {
  readonly #bySource = new Map<string, Map<string, Deny>>();

  replace(source: string, denies: readonly Deny[]): void {
    this.#bySource.set(source, new Map(denies.map((deny) => [deny.id, deny])));
  }

  add(source: string, deny: Deny): void {
    const denies = this.#bySource.get(source) ?? new Map<string, Deny>();
    denies.set(deny.id, deny);
    this.#bySource.set(source, denies);
  }

  remove(source: string, denyId: string): void {
    this.#bySource.get(source)?.delete(denyId);
  }

  /** The first deny that stands against the subject. `superseded` wins: it is the one that stops our sidecar. */
  find(subject: DenySubject, nowSeconds: number): Deny | undefined {
    let found: Deny | undefined;
    for (const denies of this.#bySource.values()) {
      for (const deny of denies.values()) {
        if (deny.until <= nowSeconds || !denyMatches(deny, subject)) continue;
        if (deny.reason === 'superseded') return deny;
        found ??= deny;
      }
    }
    return found;
  }

  sweep(nowSeconds: number): void {
    for (const [source, denies] of this.#bySource) {
      for (const [id, { until }] of denies) if (until <= nowSeconds) denies.delete(id);
      if (denies.size === 0) this.#bySource.delete(source);
    }
  }
}
