import type { Clock, Logger, Timer } from '../../telemetry/index.ts';
import { type Fingerprint, type KeyHash, MAX_SESSION_ENTRIES } from '../../wire/index.ts';
import { codeOf } from '../errors.ts';
import { loadSessions, SessionFile } from './session-file.ts';
import { type Session, type SessionEntry, SessionTable } from './session-table.ts';

/** The stream a session hangs on. */
export interface Holder {
  /** Ends the stream; resolves when its connection to the exec-server is closed. */
  end(reason: string): Promise<void>;
}

export interface SessionsOptions {
  path: string;
  clock: Clock;
  logger: Logger;
  /** Called after each change of `entries()`. */
  onChange: () => void;
  /** Called when a session has a stream again, with how long it had none (ms). */
  onResumed: (gapMs: number) => void;
}

/** The session table while the sidecar lives: with its file, with the streams that hold sessions, with its timer. */
export class Sessions {
  readonly #table: SessionTable;
  readonly #file: SessionFile;
  readonly #options: SessionsOptions;
  readonly #holders = new Map<string, Holder>();
  #expiry: Timer | undefined;

  private constructor(options: SessionsOptions, table: SessionTable) {
    this.#options = options;
    this.#table = table;
    this.#file = new SessionFile(options.path, () => table.all());
    this.#armExpiry();
  }

  /** Takes over what an earlier life of the container wrote. */
  static async load(options: SessionsOptions): Promise<Sessions> {
    const { sessions, damaged, problem } = await loadSessions(options.path);
    if (problem !== undefined) options.logger.error({ code: problem.code }, 'session file put aside');
    if (damaged > 0) options.logger.error({ damaged }, 'sessions left out: they could not be read');
    const table = new SessionTable(MAX_SESSION_ENTRIES, sessions);
    const now = options.clock.now();
    table.detachAll(now);
    table.expire(now);
    return new Sessions(options, table);
  }

  get size(): number {
    return this.#table.size;
  }

  entries(): SessionEntry[] {
    return this.#table.entries();
  }

  all(): Session[] {
    return this.#table.all();
  }

  resumable(sessionId: string, harness: KeyHash, fingerprint: Fingerprint): Session | undefined {
    return this.#table.resumable(sessionId, harness, fingerprint);
  }

  isHeldBy(sessionId: string, holder: Holder): boolean {
    return this.#holders.get(sessionId) === holder;
  }

  /**
   * Makes `holder` the stream of this session. The one before it is ended first, and its exec-server connection closed: until then the
   * exec-server would answer -32010.
   */
  async claim(sessionId: string, holder: Holder): Promise<void> {
    const before = this.#holders.get(sessionId);
    this.#holders.set(sessionId, holder);
    if (before !== undefined && before !== holder) await before.end('resumed_elsewhere');
  }

  /**
   * A session was opened or resumed on `holder`. Resolves when it is on disk, so that the harness learns of no session that a restart
   * would forget; a disk that refuses is logged and does not stop the harness.
   */
  async attach(session: Session, holder: Holder): Promise<void> {
    const detachedTime = this.#table.get(session.sessionId)?.detachedTime;
    if (detachedTime !== undefined) this.#options.onResumed(this.#options.clock.now() - detachedTime);
    const evicted = this.#table.put(session);
    if (evicted !== undefined) this.#options.logger.warn({ audit: evicted.audit }, 'session forgotten: table full');
    this.#holders.set(session.sessionId, holder);
    await this.#changed();
  }

  started(sessionId: string, processId: string): void {
    this.#table.started(sessionId, processId);
    void this.#save();
  }

  /** The stream is gone. A later holder keeps the session; without `keep` it is forgotten at once. */
  release(sessionId: string, holder: Holder, keep: boolean): void {
    if (!this.isHeldBy(sessionId, holder)) return;
    this.#holders.delete(sessionId);
    if (keep) this.#table.detach(sessionId, this.#options.clock.now());
    else this.#table.remove(sessionId);
    void this.#changed();
  }

  /** The exec-server no longer knows it, or it was ended. */
  forget(sessionId: string): void {
    this.#holders.delete(sessionId);
    if (this.#table.remove(sessionId)) void this.#changed();
  }

  /** The key is gone: nothing can be resumed under it. */
  forgetDetached(fingerprint: Fingerprint): void {
    const gone = this.#table
      .all()
      .filter((session) => session.fingerprint === fingerprint && session.detachedTime !== undefined);
    for (const { sessionId } of gone) this.#table.remove(sessionId);
    if (gone.length > 0) void this.#changed();
  }

  /** The stream of a session, ended; resolves when the exec-server may be asked to resume it. */
  async evict(sessionId: string, reason: string): Promise<void> {
    await this.#holders.get(sessionId)?.end(reason);
  }

  async close(): Promise<void> {
    this.#expiry?.cancel();
    await this.#save();
  }

  async #changed(): Promise<void> {
    this.#armExpiry();
    this.#options.onChange();
    await this.#save();
  }

  async #save(): Promise<void> {
    try {
      await this.#file.save();
    } catch (error) {
      this.#options.logger.error({ code: codeOf(error) }, 'sessions not saved');
    }
  }

  #armExpiry(): void {
    this.#expiry?.cancel();
    const next = this.#table.nextExpiry();
    if (next === undefined) return;
    const { clock, logger } = this.#options;
    this.#expiry = clock.after(Math.max(0, next - clock.now()), () => {
      for (const { audit, identity, grant } of this.#table.expire(clock.now()))
        logger.info({ audit, identity, grant, reason: 'detached_too_long' }, 'session closed');
      void this.#changed();
    });
  }
}
