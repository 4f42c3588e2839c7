import type { StoredExecutor } from '../../api/index.ts';
import { ALL_NAMESPACES, Informer, type ObjectApi } from '../../kube/index.ts';
import { type Clock, createLogger, pause } from '../../telemetry/index.ts';
import type { ObjectName } from '../cluster/executor-object.ts';
import { executors, type Seen } from '../cluster/kinds.ts';
import { askRotation, type Words } from './request.ts';
import { type Standing, standingOf, waitsForOverlap } from './standing.ts';

/** One executor of a campaign, and what is known of its rotation. */
export interface Target extends ObjectName {
  standing: Standing;
  /** Clients that have a session; undefined when that is not known. */
  sessions: number | undefined;
  /** Deleted meanwhile, or what was asked for was replaced by somebody else's request. */
  lost: 'deleted' | 'replaced' | undefined;
  /** Whether a watch has shown what was asked for. */
  seen?: boolean;
  /** By our clock, in milliseconds; absent for what an earlier call asked for, or saw. */
  askedAt?: number;
  preparedAt?: number;
  servedAt?: number;
}

export interface CampaignOptions {
  readonly api: ObjectApi;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
  readonly labelSelector: string | undefined;
  readonly value: string;
  readonly words: Words;
  /** Requests a second. */
  readonly rate: number;
  /** Rotations under way at once; only a campaign that waits knows of them. */
  readonly atOnce: number;
  readonly clock: Clock;
  /** Something has changed about this one. */
  readonly tell: (target: Target) => void;
}

/**
 * A rotation of many executors by one value of the annotation. It keeps nothing: whoever calls again with the same value goes on with those that have
 * not got it, because each executor says for itself which values it has handled.
 */
export class Campaign {
  readonly targets: readonly Target[];
  readonly #options: CampaignOptions;
  readonly #byName: ReadonlyMap<string, Target>;
  #changed = Promise.withResolvers<void>();
  /** Not before this time is anybody asked. */
  #nextAt = 0;

  constructor(chosen: readonly StoredExecutor[], options: CampaignOptions) {
    this.#options = options;
    this.targets = chosen.map((executor) => ({
      namespace: executor.metadata.namespace,
      name: executor.metadata.name,
      standing: standingOf(executor, options.value),
      sessions: executor.status.sessions?.count,
      lost: undefined,
    }));
    this.#byName = new Map(this.targets.map((target) => [keyOf(target), target]));
  }

  /** Asks each that was not asked, in order and no faster than the rate. Throws what `askRotation` throws, at the first. */
  async ask(signal: AbortSignal): Promise<void> {
    for (const target of this.targets) {
      if (target.standing.type === 'open') await this.#askOne(target, signal);
    }
  }

  /** Asks, and follows each until it is done, lost, or the signal aborts. */
  async askAndFollow(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal]);
    stop.addEventListener('abort', () => this.#changed.resolve());
    const informer = this.#follow();
    const running = informer.run(stop);
    try {
      for (const target of this.targets) {
        if (target.standing.type !== 'open') continue;
        while (this.#underWay() >= this.#options.atOnce && !stop.aborted) await this.#changed.promise;
        if (stop.aborted) return;
        await this.#askOne(target, stop);
      }
      while (!this.targets.every(isOver) && !stop.aborted) await this.#changed.promise;
    } finally {
      ended.abort();
      await running;
    }
  }

  #underWay(): number {
    return this.targets.filter((target) => {
      const { standing } = target;
      return !isOver(target) && standing.type !== 'open' && !waitsForOverlap(standing);
    }).length;
  }

  async #askOne(target: Target, signal: AbortSignal): Promise<void> {
    const { api, value, words, clock, rate, tell } = this.#options;
    const wait = this.#nextAt - clock.now();
    if (wait > 0) await pause(wait, clock, signal).catch(() => {});
    if (signal.aborted) return;
    target.askedAt = clock.now();
    this.#nextAt = target.askedAt + 1000 / rate;
    // Before the answer: the watch may be faster than it.
    target.standing = { type: 'waiting', reason: undefined, message: undefined };
    await askRotation(api, target, value, words);
    tell(target);
  }

  #follow(): Informer<Seen<StoredExecutor>> {
    const { api, namespace, labelSelector, clock } = this.#options;
    const log = createLogger({ component: 'rotate', level: 'silent' });
    const informer = new Informer<Seen<StoredExecutor>>({
      ...{ api, resource: executors, clock, log },
      ...(labelSelector !== undefined && { labelSelector }),
    });
    informer.onChange(({ type, object }) => {
      const target = this.#byName.get(
        keyOf({ namespace: object.metadata.namespace ?? '', name: object.metadata.name }),
      );
      if (target !== undefined) this.#see(target, type === 'deleted' ? undefined : object.read);
    });
    informer.follow(namespace === undefined ? ALL_NAMESPACES : [namespace]);
    return informer;
  }

  #see(target: Target, executor: StoredExecutor | undefined): void {
    if (isOver(target)) return;
    const now = this.#options.clock.now();
    if (executor === undefined) target.lost = 'deleted';
    else this.#judge(target, executor, now);
    this.#options.tell(target);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #judge(target: Target, executor: StoredExecutor, now: number): void {
    const standing = standingOf(executor, this.#options.value);
    target.sessions = executor.status.sessions?.count;
    // A watch may be behind the answer to our own write: what it shows then is older, not somebody else's.
    if (standing.type === 'open') {
      if (target.standing.type === 'waiting' && target.seen === true) target.lost = 'replaced';
      return;
    }
    target.standing = standing;
    target.seen = true;
    if (standing.type === 'making' && standing.key.state === 'Prepared') target.preparedAt ??= now;
    if (standing.type === 'done') target.servedAt ??= now;
  }
}

/** Nothing more is to be heard of it. */
export function isOver({ standing, lost }: Pick<Target, 'standing' | 'lost'>): boolean {
  return standing.type === 'done' || lost !== undefined;
}

function keyOf({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}
