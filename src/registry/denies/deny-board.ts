import type { Clock, Logger } from '../../telemetry/index.ts';
import type { Deny, EnvironmentId } from '../../wire/index.ts';
import { DenyList, type DenySubject, type DenyTarget } from './deny-list.ts';

/** Relays and sidecars that may answer for one deny: all replicas and the few sidecars of an environment, with room. */
const MAX_ACKNOWLEDGEMENTS = 256;

export interface DenyListener {
  readonly denied: (deny: Deny) => void;
  readonly lifted: (deny: Deny) => void;
  readonly acknowledged?: (deny: Deny) => void;
}

/** The denies that stand, and everybody who has to hear of a change: presence connections and sidecars' watches. */
export class DenyBoard {
  readonly #list = new DenyList();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners: DenyListener[] = [];
  readonly #acknowledged = new Map<string, Map<string, number>>();

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Stands for `seconds` from now. Nothing happens if the same stands already. */
  deny(target: DenyTarget, seconds: number): void {
    const now = this.#now();
    const deny = this.#list.add(target, now, now + seconds);
    if (deny === undefined) return;
    const { id: denyId, environmentId: environment, reason, match } = deny;
    this.#logger.info({ denyId, environment, reason, match }, 'deny pushed');
    for (const listener of this.#listeners) listener.denied(deny);
  }

  lift(target: DenyTarget): void {
    const deny = this.#list.lift(target, this.#now());
    if (deny === undefined) return;
    this.#logger.info({ denyId: deny.id, environment: deny.environmentId }, 'deny lifted');
    for (const listener of this.#listeners) listener.lifted(deny);
  }

  /** The connection that enforced it tells; until then it counts as not heard from. */
  acknowledged(denyId: string, by: string): void {
    this.#logger.info({ denyId, by }, 'deny acknowledged');
    const deny = this.#list.find(denyId);
    if (deny === undefined) return;
    const times = this.#acknowledged.get(denyId) ?? new Map<string, number>();
    if (times.size >= MAX_ACKNOWLEDGEMENTS || times.has(by)) return;
    this.#acknowledged.set(denyId, times.set(by, this.#now()));
    for (const listener of this.#listeners) listener.acknowledged?.(deny);
  }

  /** Who said that a deny is enforced, and when, in seconds since the epoch. */
  acknowledgements(denyId: string): { readonly by: string; readonly time: number }[] {
    return [...(this.#acknowledged.get(denyId) ?? [])].map(([by, time]) => ({ by, time }));
  }

  /** Drops what belongs to denies that stand no more. */
  expire(): void {
    const standing = new Set(this.standing().map(({ id }) => id));
    for (const id of [...this.#acknowledged.keys()]) if (!standing.has(id)) this.#acknowledged.delete(id);
  }

  standing(environmentId?: EnvironmentId): Deny[] {
    return this.#list.standing(this.#now(), environmentId);
  }

  against(subject: DenySubject): Deny | undefined {
    return this.#list.against(subject, this.#now());
  }

  subscribe(listener: DenyListener): void {
    this.#listeners.push(listener);
  }

  #now(): number {
    return this.#clock.now() / 1000;
  }
}
