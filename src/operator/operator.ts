import { FIELD_MANAGER, GROUP } from '../api/index.ts';
import { KeyMemory, OutageStore, RestingStores, SecretKeyStore, VaultKeyStore } from '../keys/index.ts';
import { Applier, Controller, createRuntimeMetrics, EventRecorder, LeaderElection, Supervisor } from '../kube/index.ts';
import { type Clock, startAdminServer, systemClock } from '../telemetry/index.ts';
import { runControllers } from './controllers.ts';
import { type KeyMetrics, keyGauges, keyMetrics } from './executor-secret/key-metrics.ts';
import { KeyTeller } from './executor-secret/key-teller.ts';
import { Informers } from './informers.ts';
import { ASK_AGAIN_MS, NamespaceAccess } from './namespaces/access.ts';
import type { OperatorOptions, RunningOperator } from './options.ts';
import { Registries, registryMetrics } from './registries/registries.ts';
import { NO_PROOF, PolicyProof } from './requesters/proof.ts';
import { TICKET_KEY_TIMES } from './ticket-keys/decide.ts';
import { TLS_TIMES } from './tls/times.ts';
import type { World } from './world.ts';

/** A reconcile that takes longer is stuck: every call in it has a limit of its own that is shorter. Milliseconds. */
const STUCK_AFTER_MS = 300_000;

/** How long a namespace in which the operator has rights is believed without asking. Milliseconds. */
const NAMESPACE_LOOK_MS = 600_000;

/**
 * Starts the operator: it follows our kinds at once and acts while it leads. Resolves when it runs, before anything was read; `/readyz`
 * says when it was.
 */
export async function startOperator(options: OperatorOptions): Promise<RunningOperator> {
  const { api, logger: log, metrics, clock = systemClock, admin } = options;
  const runtimeMetrics = createRuntimeMetrics(metrics);
  const informers = new Informers({ api, clock, log });
  const access = new NamespaceAccess({ api, clock, onEnabled: (namespaces) => informers.follow(namespaces) });
  const { world, events } = worldOf(options, informers, clock);
  const lease = { namespace: options.namespace, name: options.leaseName };
  const election = new LeaderElection({ api, lease, identity: options.identity, clock, log, metrics: runtimeMetrics });
  const supervisor = new Supervisor({ log });
  const namespaceController = namespacesOf(informers, access, world);
  const running = new Set([namespaceController]);
  const openRegistries = registriesOf(options, informers, world);
  const parts = { informers, metrics: runtimeMetrics, running, openRegistries };
  const leadership = { ...parts, ...controllerOptions(options, world, access) };
  supervisor.start('informers', (signal) => informers.run(signal));
  supervisor.start('events', (signal) => events.run(signal));
  supervisor.start('namespaces', (signal) => namespaceController.run(signal));
  supervisor.start('leader election', (signal) =>
    election.run({ signal, lead: (leading) => runControllers(leadership, leading) }),
  );
  const adminServer =
    admin &&
    (await startAdminServer({
      ...admin,
      live: () => stuckIn(running),
      ready: () =>
        informers.relays.synced() && informers.executors.synced() ? undefined : 'our kinds are still being read',
      metrics,
    }));
  return {
    adminUrl: adminServer?.url,
    stopped: supervisor.failed.then(({ task }) => `the task "${task}" failed`),
    close: async () => {
      await supervisor.stop();
      await adminServer?.close();
    },
  };
}

function worldOf(
  options: OperatorOptions,
  informers: Informers,
  clock: Clock,
): { world: World; events: EventRecorder } {
  const { api, identity, logger: log } = options;
  const reporting = { reportingController: `${GROUP}/operator`, reportingInstance: identity };
  const events = new EventRecorder({ api, ...reporting, clock, log });
  const applier = new Applier({ api, fieldManager: FIELD_MANAGER });
  const synced = (namespace: string) => informers.syncedIn(namespace);
  return { world: { api, applier, events, stores: informers.stores, synced, clock, log }, events };
}

/** Registries are watched for a term of leadership: only who leads acts on what they say. */
function registriesOf({ watchRegistry, metrics }: OperatorOptions, { stores }: Informers, { clock, log }: World) {
  const counted = registryMetrics(metrics);
  return () => new Registries({ stores, watch: watchRegistry, clock, log, metrics: counted });
}

/** What is wrong, if a reconcile of any controller has been running for too long. */
function stuckIn(controllers: ReadonlySet<Controller>): string | undefined {
  const stuck = [...controllers].find((controller) => controller.longestReconcile() > STUCK_AFTER_MS);
  return stuck && `a reconcile of the controller "${stuck.name}" is stuck`;
}

function controllerOptions(options: OperatorOptions, world: World, access: NamespaceAccess) {
  const settings = {
    image: options.image,
    imagePullPolicy: options.imagePullPolicy,
    imagePullSecrets: options.imagePullSecrets,
    logLevel: options.logLevel,
    registryServiceAccount: options.registryServiceAccount,
    operatorServiceAccount: `${options.namespace}/${options.serviceAccount}`,
    workspaceImage: options.workspaceImage ?? options.image,
  };
  const { tlsTimes = TLS_TIMES, ticketKeyTimes = TICKET_KEY_TIMES } = options;
  const counted = keyMetrics(options.metrics);
  keyGauges(options.metrics, world.stores.executors);
  return {
    relay: { world, access, settings, tlsTimes, ticketKeyTimes },
    executor: { world, access, settings, keys: keysOf(options, world, counted) },
  };
}

/** In Vault, and a copy in each Secret; or in the Secrets alone. */
function keysOf({ vault, keysPolicy }: OperatorOptions, { api, clock, log }: World, counted: KeyMetrics) {
  const secrets = new SecretKeyStore(api);
  const requesters = keysPolicy === undefined ? NO_PROOF : new PolicyProof({ api, name: keysPolicy, clock });
  const common = { requesters, teller: new KeyTeller(counted), memory: new KeyMemory({ clock, log }) };
  if (vault === undefined) return { ...common, store: secrets };
  const store = new VaultKeyStore({ settings: vault, clock, environment: process.env, onCall: counted.called });
  return { ...common, store: new OutageStore(store, clock), secret: secrets, rests: new RestingStores() };
}

/**
 * Keeps the caches of children warm in every namespace with an object of ours, also while another process leads: so a hand-over does not
 * begin with reading everything.
 */
function namespacesOf(informers: Informers, access: NamespaceAccess, { clock, log }: World): Controller {
  const inUse = (namespace: string) =>
    informers.relays.store.list(namespace).length > 0 || informers.executors.store.list(namespace).length > 0;
  const controller = new Controller({
    name: 'namespace',
    clock,
    log,
    reconcile: async (namespace, signal) => {
      if (!inUse(namespace)) {
        access.forget(namespace);
        return undefined;
      }
      const enabled = await access.enabled(namespace, signal);
      return { requeueAt: clock.now() + (enabled ? NAMESPACE_LOOK_MS : ASK_AGAIN_MS) };
    },
  });
  const onChange = (change: { type: string; object: { metadata: { namespace: string } } }) => {
    if (change.type !== 'updated') controller.enqueue(change.object.metadata.namespace);
  };
  informers.relays.onChange(onChange);
  informers.executors.onChange(onChange);
  return controller;
}
