import type { Clock, Timer } from '../../telemetry/index.ts';
import type { Access, EnvironmentId, ExecutorTicket, Incarnation } from '../../wire/index.ts';
import type { Directory } from '../directory/directory.ts';
import type { DenyBoard } from './deny-board.ts';
import type { DenyTarget } from './deny-list.ts';

/** How often what is doubted is looked at. Twice in doubt is enough: the cache of this registry may be behind that of the one that let in. */
const LOOK_MS = 2_000;
const LOOKS = 2;

/**
 * A pod that was first registered less long ago may be one of which this registry has not heard yet, however well its watch seems to go: the others let it in by
 * theirs, and here its processes would be ended. Older ones are no news to a watch that lags. Seconds.
 */
const YOUNG_SECONDS = 60;

/** Longer than any ticket that lets in a harness (60 s); `connect` refuses new ones without end. Seconds. */
const DENY_SECONDS = 120;

/** What relays and sidecars may leave here to be looked at; above, the oldest has been looked at by a directory that cannot tell. */
const MAX_PENDING = 50_000;

export interface StandingAuditOptions {
  readonly directory: Pick<Directory, 'synced' | 'complete' | 'environment' | 'accessStands'>;
  readonly denies: Pick<DenyBoard, 'deny'>;
  readonly clock: Clock;
}

interface Pending {
  readonly stands: () => boolean;
  /** Too new to be put out for not being known here. */
  readonly mayBeNews?: () => boolean;
  readonly target: DenyTarget;
  doubts: number;
}

/**
 * Whether those who are in may still be: a registry that was away when a grant ended or a fence moved has seen no change, so it compares what
 * relays and sidecars tell when they connect (`our-side.md` §8, §9). What stands is looked at no more: from here on changes tell.
 */
export class StandingAudit {
  readonly #options: StandingAuditOptions;
  readonly #pending = new Map<string, Pending>();
  #timer: Timer | undefined;

  constructor(options: StandingAuditOptions) {
    this.#options = options;
  }

  /** These were let in by these grants. */
  access(entries: readonly Access[]): void {
    const { directory } = this.#options;
    for (const access of entries) {
      const { environmentId, identityHash, grant } = access;
      const target: DenyTarget = { environmentId, match: { identityHash, grant }, reason: 'grant_ended' };
      this.#doubt({ stands: () => directory.accessStands(access), target, doubts: 0 });
    }
  }

  /** This executor is present. Of an `External` one the key is the incarnation, and its token decides. */
  executor({
    environmentId,
    incarnation,
    runtime,
    firstRegistrationTime,
  }: Pick<ExecutorTicket, 'environmentId' | 'incarnation' | 'runtime' | 'firstRegistrationTime'>): void {
    if (runtime === 'external') return;
    const stands = () => this.#isFence(environmentId, incarnation);
    const mayBeNews = () => {
      const former = this.#options.directory.environment(environmentId)?.fence.former ?? [];
      const isYoung = this.#options.clock.now() / 1_000 < firstRegistrationTime + YOUNG_SECONDS;
      return isYoung && !former.includes(incarnation);
    };
    const target: DenyTarget = { environmentId, match: { incarnation }, reason: 'superseded' };
    this.#doubt({ stands, mayBeNews, target, doubts: 0 });
  }

  close(): void {
    this.#timer?.cancel();
    this.#pending.clear();
  }

  #isFence(environmentId: EnvironmentId, incarnation: Incarnation): boolean {
    return this.#options.directory.environment(environmentId)?.fence.current === incarnation;
  }

  #doubt(pending: Pending): void {
    if (this.#pending.size >= MAX_PENDING) return;
    if (this.#canTell() && pending.stands()) return;
    this.#pending.set(JSON.stringify(pending.target), pending);
    this.#timer ??= this.#options.clock.after(LOOK_MS, () => this.#look());
  }

  /** Unknown is not ended: without the API server nobody is put out. */
  #canTell(): boolean {
    const { directory } = this.#options;
    return directory.synced() && directory.complete();
  }

  #look(): void {
    const { clock, denies } = this.#options;
    this.#timer = undefined;
    if (this.#canTell()) {
      for (const [key, pending] of this.#pending) {
        if (!pending.stands()) pending.doubts += 1;
        else this.#pending.delete(key);
        if (pending.doubts < LOOKS || pending.mayBeNews?.() === true) continue;
        this.#pending.delete(key);
        denies.deny(pending.target, DENY_SECONDS);
      }
    }
    if (this.#pending.size > 0) this.#timer = clock.after(LOOK_MS, () => this.#look());
  }
}
