import type { Clock, Logger } from '../../telemetry/index.ts';
import type { Deny, EnvironmentId } from '../../wire/index.ts';
import { DenyList, type DenySubject, type DenyTarget } from './deny-list.ts';

export interface DenyListener {
  readonly denied: (deny: Deny) => void;
  readonly lifted: (deny: Deny) => void;
}

/** The denies that stand, and everybody who has to hear of a change: presence connections and sidecars' watches. */
export class DenyBoard {
  readonly #list = new DenyList();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners: DenyListener[] = [];

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
