import { keyOf, type ObjectKey, refOf } from '../../kube/index.ts';
import type { Clock, Counter, Gauge, Logger, Metrics } from '../../telemetry/index.ts';
import type { EnvironmentId } from '../../wire/index.ts';
import type { ServedRelay } from '../own-kinds.ts';
import type { Stores } from '../world.ts';
import type { WatchRegistry } from './connection.ts';
import { combine, type ExecutorFacts } from './facts.ts';
import { ReplicaFeed, type ReplicaFeedOptions, type ReplicaState } from './replica-feed.ts';
import { type Replica, replicasOf, runningRelays } from './replicas.ts';

export interface RegistriesOptions {
  readonly stores: Pick<Stores, 'relays' | 'pods'>;
  /** Without a way to them none is watched, and nothing is known. */
  readonly watch: WatchRegistry | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: RegistryMetrics;
  readonly random?: () => number;
}

export interface RegistriesListener {
  /** Look again at these environments of a Relay, or at all. */
  readonly environments: (relay: ObjectKey, environmentIds: Iterable<EnvironmentId> | undefined) => void;
  /** A replica is heard, or not any more, or says something else of itself. */
  readonly replicas: (relay: ObjectKey) => void;
}

/** What a reconcile asks. */
export interface FactsSource {
  facts(relay: ObjectKey, environmentId: EnvironmentId, incarnation: string | undefined): ExecutorFacts;
  /** Since when, in milliseconds, the set of registries that are heard is what it is: what they said before is not yet old then. */
  changedAt(relay: ObjectKey): number;
  /** Pods of relays that run, by name: also one that no registry hears. */
  relayPods(relay: ObjectKey): readonly string[];
  /** What each replica that is watched has loaded. */
  ticketKeys(relay: ObjectKey): readonly { readonly pod: string; readonly ids: readonly string[] | undefined }[];
}

interface Term {
  readonly signal: AbortSignal;
  readonly listener: RegistriesListener;
  readonly fail: (error: unknown) => void;
}

interface Followed {
  replica: Replica;
  readonly feed: ReplicaFeed;
  readonly stop: AbortController;
}

/** What the registries of all Relays say of executors: a watch to each ready replica of each, made and ended as pods come and go. */
export class Registries implements FactsSource {
  readonly #options: RegistriesOptions;
  readonly #relays = new Map<ObjectKey, Map<string, Followed>>();
  readonly #running = new Set<Promise<void>>();
  readonly #changedAt = new Map<ObjectKey, number>();
  readonly #startedAt: number;
  #term: Term | undefined;

  constructor(options: RegistriesOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  facts(relay: ObjectKey, environmentId: EnvironmentId, incarnation: string | undefined): ExecutorFacts {
    const views = [...(this.#relays.get(relay)?.values() ?? [])].map(({ feed }) => feed.view(environmentId));
    return combine(views, incarnation);
  }

  changedAt(relay: ObjectKey): number {
    return this.#changedAt.get(relay) ?? this.#startedAt;
  }

  relayPods(relay: ObjectKey): readonly string[] {
    const { namespace, name } = refOf(relay);
    return namespace === undefined ? [] : runningRelays(name, this.#options.stores.pods.list(namespace));
  }

  ticketKeys(relay: ObjectKey): ReturnType<FactsSource['ticketKeys']> {
    const followed = [...(this.#relays.get(relay)?.values() ?? [])];
    return followed.map(({ replica, feed }) => ({ pod: replica.pod, ids: feed.ticketKeys }));
  }

  /** Watches until the signal aborts, and tells what has become different. Rejects only for a bug. */
  async run(signal: AbortSignal, listener: RegistriesListener): Promise<void> {
    if (signal.aborted) return;
    const ended = Promise.withResolvers<void>();
    this.#term = { signal, listener, fail: ended.reject };
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    for (const { metadata } of this.#options.stores.relays.list()) this.look(keyOf(metadata));
    await ended.promise;
    await Promise.all(this.#running);
    this.#relays.clear();
    this.#count();
  }

  /** A Relay, or a pod of its registry, is not as it was. */
  look(key: ObjectKey): void {
    const term = this.#term;
    const { stores, clock, watch } = this.#options;
    if (term === undefined || term.signal.aborted || watch === undefined) return;
    const relay = stores.relays.get(refOf(key));
    const wanted = relay === undefined ? [] : this.#replicasOf(relay);
    const followed = this.#relays.get(key) ?? new Map<string, Followed>();
    this.#relays.set(key, followed);
    const gone = [...followed.keys()].filter((id) => !wanted.some((replica) => replica.id === id));
    for (const id of gone) {
      followed.get(id)?.stop.abort();
      followed.delete(id);
    }
    const added = wanted.filter((replica) => !this.#keep(followed, replica));
    for (const replica of added) followed.set(replica.id, this.#follow(key, replica, { ...term, watch }));
    if (followed.size === 0) this.#relays.delete(key);
    if (relay === undefined) this.#changedAt.delete(key);
    else if (gone.length > 0) this.#changedAt.set(key, clock.now());
    if (gone.length > 0) term.listener.environments(key, undefined);
    if (gone.length > 0 || added.length > 0) this.#count();
  }

  #replicasOf(relay: ServedRelay): Replica[] {
    const { namespace } = relay.metadata;
    return replicasOf(relay, this.#options.stores.pods.list(namespace));
  }

  /** One that is followed already goes on, with what is trusted now at its next connection. */
  #keep(followed: ReadonlyMap<string, Followed>, replica: Replica): boolean {
    const known = followed.get(replica.id);
    if (known !== undefined) known.replica = replica;
    return known !== undefined;
  }

  #follow(
    relay: ObjectKey,
    replica: Replica,
    { signal, listener, fail, watch }: Term & Pick<ReplicaFeedOptions, 'watch'>,
  ): Followed {
    const { clock, log, metrics, random = Math.random } = this.#options;
    const stop = new AbortController();
    const feed = new ReplicaFeed({
      ...{ relay, pod: replica.pod, watch, clock, log, random },
      address: () => followed.replica.address,
      onChange: (environmentIds) => {
        if (!stop.signal.aborted) listener.environments(relay, environmentIds);
      },
      onState: () => {
        this.#changedAt.set(relay, clock.now());
        this.#count();
        listener.replicas(relay);
      },
      onFailure: (code) => metrics.failures.add(1, { code }),
    });
    const followed: Followed = { replica, feed, stop };
    const running = feed
      .run(AbortSignal.any([signal, stop.signal]))
      .catch(fail)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return followed;
  }

  #count(): void {
    const counts: Record<ReplicaState, number> = { connecting: 0, reading: 0, complete: 0 };
    for (const followed of this.#relays.values()) {
      for (const { feed } of followed.values()) counts[feed.state] += 1;
    }
    for (const [state, count] of Object.entries(counts)) this.#options.metrics.watches.set(count, { state });
  }
}

export interface RegistryMetrics {
  readonly watches: Gauge;
  readonly failures: Counter;
}

/** Once a process: a term of leadership ends and begins again. */
export function registryMetrics(metrics: Metrics): RegistryMetrics {
  return {
    watches: metrics.gauge(
      'noisefleet_operator_registry_watches',
      'Ready registry replicas by how far they are watched: connecting, reading, or complete.',
      ['state'],
    ),
    failures: metrics.counter(
      'noisefleet_operator_registry_watch_failures_total',
      'Watches of a registry replica that failed or were lost, by code.',
      ['code'],
    ),
  };
}
