import { isDeepStrictEqual } from 'node:util';
import { Controller, keyOf, type RuntimeMetrics, refOf } from '../kube/index.ts';
import { type ExecutorControllerOptions, ExecutorReconciler } from './executor/reconcile.ts';
import { reconcileGrant } from './grants/reconcile.ts';
import type { Informers } from './informers.ts';
import { relayOf } from './namespaces/decide.ts';
import type { ServedRelay } from './own-kinds.ts';
import { type RelayControllerOptions, RelayReconciler } from './relay/reconcile.ts';

export interface ControllersOptions {
  readonly informers: Informers;
  readonly relay: RelayControllerOptions;
  readonly executor: ExecutorControllerOptions;
  readonly metrics: RuntimeMetrics;
}

/** Executors are many, and each waits for the API server most of the time. */
const EXECUTOR_WORKERS = 8;

/** The controllers of one term of leadership, for as long as the signal lasts. They start with everything that there is. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { informers } = options;
  await informers.whenSynced(signal);
  const controllers = makeControllers(options);
  const stops = connect(informers, controllers);
  try {
    const { relays, executors, grants } = controllers;
    await Promise.all([relays, executors, grants].map((controller) => controller.run(signal)));
  } finally {
    for (const stop of stops) stop();
  }
}

type Controllers = ReturnType<typeof makeControllers>;

function makeControllers({ relay, executor, metrics }: ControllersOptions) {
  const { world } = relay;
  const { clock, log } = world;
  const common = { clock, log, metrics };
  const relayReconciler = new RelayReconciler(relay);
  const executorReconciler = new ExecutorReconciler(executor);
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

/** What concerns whom. Everything there is comes first. */
function connect(informers: Informers, { relays, executors, grants }: Controllers): (() => void)[] {
  const executorsOf = ({ metadata }: ServedRelay) => {
    for (const executor of informers.executors.store.list()) {
      if (keyOf(relayOf(executor)) === keyOf(metadata)) executors.enqueue(keyOf(executor.metadata));
    }
  };
  const grantsIn = (namespace: string) => {
    for (const { metadata } of informers.grants.store.list(namespace)) grants.enqueue(keyOf(metadata));
  };
  for (const { metadata } of informers.relays.store.list()) relays.enqueue(keyOf(metadata));
  for (const { metadata } of informers.executors.store.list()) executors.enqueue(keyOf(metadata));
  for (const { metadata } of informers.grants.store.list()) grants.enqueue(keyOf(metadata));
  return [
    informers.relays.onChange((change) => {
      relays.enqueue(keyOf(change.object.metadata));
      if (change.type !== 'updated' || concernsExecutors(change.before, change.object)) executorsOf(change.object);
    }),
    informers.executors.onChange(({ object }) => {
      executors.enqueue(keyOf(object.metadata));
      grantsIn(object.metadata.namespace);
    }),
    informers.grants.onChange(({ object }) => grants.enqueue(keyOf(object.metadata))),
    informers.onChildOf('Relay', (owner) => relays.enqueue(keyOf(owner))),
    informers.onChildOf('Executor', (owner) => executors.enqueue(keyOf(owner))),
  ];
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
