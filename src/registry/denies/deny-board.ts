import type { Clock, Logger } from '../../telemetry/index.ts';
import type { Deny, EnvironmentId, Incarnation } from '../../wire/index.ts';
import { DenyList, type DenySubject, type DenyTarget } from './deny-list.ts';

/** Relays and sidecars that may answer for one deny: all replicas and the few sidecars of an environment, with room. */
const MAX_ACKNOWLEDGEMENTS = 256;

/** Who said that a deny is enforced; of a sidecar also in which life. */
export interface Acknowledger {
  readonly by: string;
  readonly incarnation?: Incarnation | undefined;
}

type Acknowledgement = Acknowledger & { /** Seconds since the epoch. */ readonly time: number };

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
  readonly #acknowledged = new Map<string, Map<string, Acknowledgement>>();

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
  acknowledged(denyId: string, who: Acknowledger): void {
    const { by, incarnation } = who;
    this.#logger.info({ denyId, by, incarnation }, 'deny acknowledged');
    const deny = this.#list.find(denyId);
    if (deny === undefined) return;
    const known = this.#acknowledged.get(denyId) ?? new Map<string, Acknowledgement>();
    const name = `${by} ${incarnation ?? ''}`;
    if (known.size >= MAX_ACKNOWLEDGEMENTS || known.has(name)) return;
    this.#acknowledged.set(denyId, known.set(name, { ...who, time: this.#now() }));
    for (const listener of this.#listeners) listener.acknowledged?.(deny);
  }

  acknowledgements(denyId: string): Acknowledgement[] {
    return [...(this.#acknowledged.get(denyId)?.values() ?? [])];
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
