import { isDeepStrictEqual } from 'node:util';
import { type Change, Controller, keyOf, type ObjectKey, type RuntimeMetrics, refOf } from '../kube/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { type EnvironmentId, environmentIdOf } from '../wire/index.ts';
import { type ExecutorControllerOptions, ExecutorReconciler } from './executor/reconcile.ts';
import { reconcileGrant } from './grants/reconcile.ts';
import type { Informers } from './informers.ts';
import { relayOf } from './namespaces/decide.ts';
import type { ServedExecutor, ServedRelay } from './own-kinds.ts';
import type { Registries } from './registries/registries.ts';
import { isNews } from './registries/sessions.ts';
import { countedAnew } from './relay/executors.ts';
import { type RelayControllerOptions, RelayReconciler } from './relay/reconcile.ts';

export interface ControllersOptions {
  readonly informers: Informers;
  readonly relay: Omit<RelayControllerOptions, 'registries'>;
  readonly executor: Omit<ExecutorControllerOptions, 'registries'>;
  readonly metrics: RuntimeMetrics;
  /** A client of the registries' internal API for this term. */
  readonly openRegistries: () => Registries;
  /** Those that run, for whoever asks whether one is stuck. */
  readonly running: Set<Controller>;
}

/** Executors are many, and each waits for the API server most of the time. */
const EXECUTOR_WORKERS = 8;

/** A thousand executors that are applied together are a few writes of their Relay's count, not a thousand. Milliseconds. */
const COUNT_AFTER_MS = 2_000;

/** The controllers of one term of leadership, for as long as the signal lasts. They start with everything that there is. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { informers, running } = options;
  await informers.whenSynced(signal);
  const registries = options.openRegistries();
  const controllers = makeControllers(options, registries);
  const stops = [
    ...connect(informers, controllers),
    ...connectRegistries(informers, registries),
    ...connectCounts(informers, controllers, options.relay.world.clock),
  ];
  enqueueAll(informers, controllers);
  const all = Object.values(controllers);
  for (const controller of all) running.add(controller);
  try {
    await Promise.all([
      registries.run(signal, {
        environments: (relay, ids) => tellExecutors({ informers, registries, ...controllers }, relay, ids),
        replicas: (relay) => controllers.relays.enqueue(relay),
      }),
      ...all.map((controller) => controller.run(signal)),
    ]);
  } finally {
    for (const stop of stops) stop();
    for (const controller of all) running.delete(controller);
  }
}

type Controllers = ReturnType<typeof makeControllers>;

function makeControllers({ relay, executor, metrics }: ControllersOptions, registries: Registries) {
  const { world } = relay;
  const { clock, log } = world;
  const common = { clock, log, metrics };
  const relayReconciler = new RelayReconciler({ ...relay, registries });
  const executorReconciler = new ExecutorReconciler({ ...executor, registries });
  return {
    relays: new Controller({
      ...common,
      name: 'relay',
      reconcile: (key, signal) => relayReconciler.reconcile(inNamespace(key), signal),
    }),
    executors: new Controller({
      ...common,
      name: 'executor',
      workers: EXECUTOR_WORKERS,
      reconcile: (key, signal) => executorReconciler.reconcile(inNamespace(key), signal),
    }),
    grants: new Controller({
      ...common,
      name: 'grant',
      reconcile: (key, signal) => reconcileGrant(world, inNamespace(key), signal),
    }),
  };
}

function enqueueAll(informers: Informers, { relays, executors, grants }: Controllers): void {
  for (const { metadata } of informers.relays.store.list()) relays.enqueue(keyOf(metadata));
  for (const { metadata } of informers.executors.store.list()) executors.enqueue(keyOf(metadata));
  for (const { metadata } of informers.grants.store.list()) grants.enqueue(keyOf(metadata));
}

/** What concerns whom. */
function connect(informers: Informers, { relays, executors, grants }: Controllers): (() => void)[] {
  const executorsOf = ({ metadata }: ServedRelay) => {
    for (const executor of informers.executors.store.list()) {
      if (keyOf(relayOf(executor)) === keyOf(metadata)) executors.enqueue(keyOf(executor.metadata));
    }
  };
  const grantsIn = (namespace: string) => {
    for (const { metadata } of informers.grants.store.list(namespace)) grants.enqueue(keyOf(metadata));
  };
  return [
    informers.relays.onChange((change) => {
      relays.enqueue(keyOf(change.object.metadata));
      if (change.type !== 'updated' || concernsExecutors(change.before, change.object)) executorsOf(change.object);
    }),
    informers.executors.onChange((change) => {
      executors.enqueue(keyOf(change.object.metadata));
      if (concernsGrants(change)) grantsIn(change.object.metadata.namespace);
    }),
    informers.grants.onChange(({ object }) => grants.enqueue(keyOf(object.metadata))),
    informers.onChildOf('Relay', (owner) => relays.enqueue(keyOf(owner))),
    informers.onChildOf('Executor', (owner) => executors.enqueue(keyOf(owner))),
  ];
}

/** Which registries there are to watch. */
function connectRegistries(informers: Informers, registries: Registries): (() => void)[] {
  return [
    informers.relays.onChange(({ object }) => registries.look(keyOf(object.metadata))),
    informers.onRegistryPod((relay) => registries.look(relay)),
  ];
}

function connectCounts(informers: Informers, { relays }: Controllers, clock: Clock): (() => void)[] {
  return [
    informers.executors.onChange((change) => {
      for (const relay of countedAnew(change)) relays.enqueueAt(relay, clock.now() + COUNT_AFTER_MS);
    }),
  ];
}

interface News extends Pick<Controllers, 'executors'> {
  readonly informers: Informers;
  readonly registries: Registries;
}

/** Registries say something of these executors, or of all: those look again to whom it is news. */
function tellExecutors(
  { informers, registries, executors }: News,
  relay: ObjectKey,
  ids?: Iterable<EnvironmentId>,
): void {
  const concerned =
    ids === undefined
      ? informers.executors.store.list().filter((executor) => keyOf(relayOf(executor)) === relay)
      : [...ids].flatMap((id) => informers.executorOf(id) ?? []);
  for (const executor of concerned) {
    const { namespace, name } = executor.metadata;
    const facts = registries.facts(relay, environmentIdOf(namespace, name), executor.status.pod?.uid);
    if (isNews(executor, facts)) executors.enqueue(keyOf(executor.metadata));
  }
}

/** Grants select by labels, and what becomes of an executor's keys and pods is written often. */
function concernsGrants(change: Change<ServedExecutor>): boolean {
  return change.type !== 'updated' || !isDeepStrictEqual(change.before.metadata.labels, change.object.metadata.labels);
}

/** A Relay's replicas come and go without its executors caring. */
function concernsExecutors(before: ServedRelay, after: ServedRelay): boolean {
  return (
    !isDeepStrictEqual(before.status.addresses, after.status.addresses) ||
    !isDeepStrictEqual(before.spec.allowedNamespaces, after.spec.allowedNamespaces)
  );
}

function inNamespace(key: string): { namespace: string; name: string } {
  const { namespace, name } = refOf(key);
  if (namespace === undefined) throw new TypeError(`${key} is not in a namespace`);
  return { namespace, name };
}
