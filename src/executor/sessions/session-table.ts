import type { Fingerprint, KeyHash, KeyId, RegistrationId } from '../../wire/index.ts';

/** How long a session without a stream may be resumed (our-side §6): `BuiltIn` keeps detached sessions as long. */
export const DETACHED_SESSION_MS = 120_000;
/** Process ids kept per session to terminate them later; the oldest are most likely gone. */
const MAX_PROCESS_IDS = 512;

/** What the sidecar remembers of one exec-server session. Times are milliseconds since the epoch. */
export interface Session {
  readonly sessionId: string;
  /** Whose it is: only this harness key may resume it. */
  readonly harness: KeyHash;
  /** The executor key it was opened under, and has to be resumed under. */
  readonly keyId: KeyId;
  readonly fingerprint: Fingerprint;
  readonly registrationId: RegistrationId;
  readonly identity: string;
  /** What denies name the identity by. */
  readonly identityHash: string;
  readonly grant: string;
  /** The audit id (`jti`) of the connection that opened or last resumed it. */
  readonly audit: string;
  /** When the registry last said that this identity may. */
  readonly validatedTime: number;
  /** Undefined while a stream is attached. */
  readonly detachedTime?: number;
  /** What was started in it; filled only where the exec-server cannot end a session itself. */
  readonly processIds: readonly string[];
}

/** One line of the table that relays and registries get: no session ids, no identities. */
export interface SessionEntry {
  readonly harness: KeyHash;
  readonly registrationId: RegistrationId;
}

/**
 * The authority on sessions (our-side §6): harness key → executor key and session. Pure: time is passed in, nothing is written.
 * Bounded: the session longest detached goes first, of the identity that holds most.
 */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  readonly #limit: number;

  constructor(limit: number, sessions: Iterable<Session> = []) {
    this.#limit = limit;
    for (const session of sessions) this.put(session);
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(sessionId: string): Session | undefined {
    return this.#sessions.get(sessionId);
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  /**
   * The session, if this harness key may resume it under this executor key. Undefined for every other reason alike: nobody learns
   * from the answer whether another's session exists.
   */
  resumable(sessionId: string, harness: KeyHash, fingerprint: Fingerprint): Session | undefined {
    const session = this.#sessions.get(sessionId);
    return session?.harness === harness && session.fingerprint === fingerprint ? session : undefined;
  }

  /** Adds or replaces. A session given up for room is returned. */
  put(session: Session): Session | undefined {
    const known = this.#sessions.delete(session.sessionId);
    const victim = known || this.#sessions.size < this.#limit ? undefined : this.#leastMissed();
    if (victim !== undefined) this.#sessions.delete(victim.sessionId);
    this.#sessions.set(session.sessionId, session);
    return victim;
  }

  started(sessionId: string, processId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.processIds.includes(processId)) return;
    const processIds = [...session.processIds, processId].slice(-MAX_PROCESS_IDS);
    this.#sessions.set(sessionId, { ...session, processIds });
  }

  detach(sessionId: string, now: number): void {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined) this.#sessions.set(sessionId, { ...session, detachedTime: now });
  }

  /** After a restart no stream is attached: every session's 120 s begin now. */
  detachAll(now: number): void {
    for (const session of this.all()) if (session.detachedTime === undefined) this.detach(session.sessionId, now);
  }

  remove(sessionId: string): boolean {
    return this.#sessions.delete(sessionId);
  }

  /** Removes and returns what was detached for too long. */
  expire(now: number): Session[] {
    const expired = this.all().filter(({ detachedTime }) => isOver(detachedTime, now));
    for (const { sessionId } of expired) this.#sessions.delete(sessionId);
    return expired;
  }

  /** When the next session expires, if nothing happens before. */
  nextExpiry(): number | undefined {
    const times = this.all().flatMap(({ detachedTime }) => (detachedTime === undefined ? [] : [detachedTime]));
    return times.length === 0 ? undefined : Math.min(...times) + DETACHED_SESSION_MS;
  }

  /** One entry per harness key: of several sessions the attached one counts, then the newest. */
  entries(): SessionEntry[] {
    const byHarness = new Map<KeyHash, Session>();
    for (const session of this.#sessions.values()) {
      const other = byHarness.get(session.harness);
      if (other === undefined || rank(session) >= rank(other)) byHarness.set(session.harness, session);
    }
    return [...byHarness.values()].map(({ harness, registrationId }) => ({ harness, registrationId }));
  }

  #leastMissed(): Session | undefined {
    const held = new Map<string, number>();
    for (const { identity } of this.#sessions.values()) held.set(identity, (held.get(identity) ?? 0) + 1);
    const cost = ({ identity, detachedTime }: Session) => [
      detachedTime === undefined ? 1 : 0,
      -(held.get(identity) ?? 0),
      detachedTime ?? 0,
    ];
    return this.all().sort((a, b) => compare(cost(a), cost(b)))[0];
  }
}

function isOver(detachedTime: number | undefined, now: number): boolean {
  return detachedTime !== undefined && now - detachedTime >= DETACHED_SESSION_MS;
}

function rank({ detachedTime, validatedTime }: Session): number {
  return detachedTime === undefined ? Number.MAX_VALUE : validatedTime;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
