import type { Logger } from '../../telemetry/index.ts';
import type { Deny } from '../../wire/index.ts';
import { codeOf } from '../errors.ts';
import type { KeyRegistration } from '../registration/key-registration.ts';
import type { Session } from '../sessions/session-table.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { DenyBook, DenySubject } from './deny-book.ts';
import { denyHits, denyReaches } from './deny-book.ts';

/** Sessions that are ended at a time: each takes a connection of the exec-server. */
const AT_A_TIME = 8;

export interface EnforcerOptions {
  book: DenyBook;
  sessions: Sessions;
  registrations: () => Iterable<KeyRegistration>;
  /** Terminates a session's processes in the exec-server. */
  endSession: (session: Session) => Promise<void>;
  /** Our own incarnation lost the fence. Resolves when everything has ended. */
  onSuperseded: () => Promise<void>;
  logger: Logger;
}

/** Does what denies say (our-side §4: the sidecar enforces): streams end, and the processes of their sessions. */
export class Enforcer {
  readonly #options: EnforcerOptions;
  readonly #enforcing = new Map<string, Promise<void>>();

  constructor(options: EnforcerOptions) {
    this.#options = options;
  }

  /** Resolves when the deny is enforced; the same deny again is not enforced twice. Rejects when processes may still run. */
  enforce(deny: Deny): Promise<void> {
    const known = this.#enforcing.get(deny.id);
    if (known !== undefined && !this.#options.book.hear(deny)) return known;
    this.#options.book.hear(deny);
    const enforcing = this.#enforce(deny);
    this.#enforcing.set(deny.id, enforcing);
    enforcing.catch(() => this.forget(deny.id));
    return enforcing;
  }

  /** Taken back by the registry. */
  forget(denyId: string): void {
    this.#enforcing.delete(denyId);
    this.#options.book.forget(denyId);
  }

  /** Ends every session and stream, for whatever reason they have to go. */
  async endAll(reason: string): Promise<void> {
    await this.#end(() => true, reason);
  }

  async #enforce(deny: Deny): Promise<void> {
    const { book, registrations, onSuperseded, logger } = this.#options;
    logger.info({ deny: deny.id, reason: deny.reason }, 'deny received');
    if ('incarnation' in deny.match) {
      if (deny.match.incarnation === book.incarnation) await onSuperseded();
      return;
    }
    // What the registry now answers for our keys decides whether they stay.
    if ('registrationId' in deny.match || 'fingerprint' in deny.match)
      for (const registration of registrations()) registration.refresh();
    if (deny.reason === 'key_retired') return;
    const hits = (subject: DenySubject & { validatedTime: number }) =>
      denyHits(deny, subject, book.incarnation) && denyReaches(deny, subject.validatedTime);
    await this.#end(hits, deny.reason);
    logger.info({ deny: deny.id, reason: deny.reason }, 'deny enforced');
  }

  async #end(hits: (subject: DenySubject & { validatedTime: number }) => boolean, reason: string): Promise<void> {
    const { registrations, sessions } = this.#options;
    const doomed = sessions.all().filter(hits);
    await Promise.all(
      [...registrations()].map((registration) => registration.endStreams(({ peer }) => hits(peer), reason)),
    );
    const failures: unknown[] = [];
    const next = async (): Promise<void> => {
      for (let session = doomed.pop(); session !== undefined; session = doomed.pop())
        await this.#endOne(session, reason).catch((error: unknown) => failures.push(error));
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, next));
    if (failures.length > 0) throw failures[0];
  }

  async #endOne(session: Session, reason: string): Promise<void> {
    const { sessions, endSession, logger } = this.#options;
    const { sessionId, audit, identity, grant } = session;
    try {
      await sessions.evict(sessionId, reason);
      await endSession(session);
    } catch (error) {
      logger.error({ audit, reason, code: codeOf(error) }, 'session could not be ended');
      throw error;
    }
    sessions.forget(sessionId);
    logger.info({ audit, identity, grant, reason }, 'session closed');
  }
}
