import { type ExecutorStatus, READY, REASONS } from '../../api/index.ts';
import {
  type KeeperInput,
  KeyKeeper,
  type KeyMemory,
  type KeyStore,
  type KeysRecord,
  type RestingStores,
  recordOf,
  rotationPolicy,
  statusOf,
} from '../../keys/index.ts';
import { keyOf, namespaces, type Occurrence, type Pod, parseTime } from '../../kube/index.ts';
import { environmentIdOf } from '../../wire/index.ts';
import { NotOwnedError } from '../children/apply-child.ts';
import type { Owner } from '../children/child.ts';
import type { ImageSettings } from '../children/image-settings.ts';
import type { Finding } from '../conditions/conditions.ts';
import { writeStatus } from '../conditions/write-status.ts';
import { holdForKeys, reconcileDeleted } from '../deletion/keys-left.ts';
import { createPod, deleteOthers, findPod } from '../executor-pod/apply-pod.ts';
import { applySurroundings } from '../executor-pod/children.ts';
import { decidePod, type PodDecision, type PodStatus } from '../executor-pod/decide.ts';
import { withHash } from '../executor-pod/hash.ts';
import { MadePods } from '../executor-pod/made-pods.ts';
import { executorNames, podName } from '../executor-pod/names.ts';
import { type PodView, viewPod } from '../executor-pod/observe.ts';
import { asPodTemplate, executorPod } from '../executor-pod/pod.ts';
import { pokePod } from '../executor-pod/poke.ts';
import { summarise } from '../executor-pod/summary.ts';
import { heardKeys } from '../executor-secret/heard.ts';
import { keyPod } from '../executor-secret/key-pod.ts';
import type { KeyTeller } from '../executor-secret/key-teller.ts';
import { type KeysResult, reconcileKeys } from '../executor-secret/reconcile.ts';
import { type HeardFacts, reconcileExternal } from '../external/reconcile.ts';
import { summariseExternal } from '../external/summary.ts';
import { ASK_AGAIN_MS, type NamespaceAccess, SYNC_LOOK_MS } from '../namespaces/access.ts';
import { decideAcceptance, relayOf, type Stall } from '../namespaces/decide.ts';
import { executors, type ServedExecutor, type ServedRelay } from '../own-kinds.ts';
import type { FactsSource } from '../registries/registries.ts';
import { sessionsStatus } from '../registries/sessions.ts';
import type { RequesterProof } from '../requesters/proof.ts';
import { requestsOf } from '../requesters/requests.ts';
import { templateProblems } from '../template/problems.ts';
import type { World } from '../world.ts';
import { confirmCurrent } from './confirm-current.ts';

export interface ExecutorControllerOptions {
  readonly world: World;
  readonly access: NamespaceAccess;
  readonly keys: ExecutorKeys;
  /** What registries say. */
  readonly registries: FactsSource;
  readonly settings: ImageSettings & {
    readonly workspaceImage: string;
    /** `NAMESPACE/NAME` of the operator's own. */
    readonly operatorServiceAccount: string;
  };
}

/** Where keys lie. */
interface ExecutorKeys {
  readonly store: KeyStore;
  /** What sidecars mount, when it is not the store itself. */
  readonly secret?: KeyStore | undefined;
  readonly requesters: RequesterProof;
  readonly rests?: RestingStores | undefined;
  readonly memory: KeyMemory;
  readonly teller: KeyTeller;
}

/** What one look has found out, question after question. */
interface Outcome {
  readonly status: ExecutorStatus;
  readonly findings: readonly Finding[];
  /** Told once the status says it too. */
  readonly events?: readonly Occurrence[];
  readonly record?: KeysRecord;
  readonly requeueAt?: number | undefined;
}

interface Subject {
  readonly executor: ServedExecutor;
  readonly owner: Owner;
  readonly relay: ServedRelay | undefined;
  /** The pod that counts, as status says or is about to say. */
  readonly fence: PodStatus | undefined;
}

/** A pod that the API server refuses may be taken later: a quota grows, a policy is changed. Milliseconds. */
const REFUSED_AGAIN_MS = 30_000;

/** Brings one Executor to what it wants and says how it stands: taken on, its surroundings, its key, its pod. */
export class ExecutorReconciler {
  readonly #options: ExecutorControllerOptions;
  readonly #made = new MadePods();

  constructor(options: ExecutorControllerOptions) {
    this.#options = options;
  }

  async reconcile(
    ref: { namespace: string; name: string },
    signal: AbortSignal,
  ): Promise<{ requeueAt: number } | undefined> {
    const { world, access, keys } = this.#options;
    const executor = world.stores.executors.get(ref);
    // What belongs to a deleted executor is collected by its owner references.
    if (executor === undefined || executor.metadata.deletionTimestamp !== undefined) {
      this.#made.forget(ref);
      keys.rests?.forget(ref);
      return executor && reconcileDeleted(world, keys, executor, signal);
    }
    if ((await access.enabled(ref.namespace, signal)) && !world.synced(ref.namespace)) {
      return { requeueAt: world.clock.now() + SYNC_LOOK_MS };
    }
    if (await holdForKeys(world, keys, executor, signal)) return undefined;
    const owner: Owner = { kind: 'Executor', ...ref, uid: executor.metadata.uid };
    const relay = world.stores.relays.get(relayOf(executor));
    const subject: Subject = { executor, owner, relay, fence: this.#made.known(owner, executor.status.pod) };
    const { status, findings, events = [], record, requeueAt } = await this.#look(subject, signal);
    await writeStatus(world, executors, executor, { status, findings }, signal);
    for (const event of events) world.events.record(executor, event);
    if (record !== undefined) keys.teller.recorded(world, executor, recordOf(executor.status), record);
    return requeueAt === undefined ? undefined : { requeueAt };
  }

  async #look(subject: Subject, signal: AbortSignal): Promise<Outcome> {
    const stall = await this.#acceptance(subject, signal);
    const status = this.#named(subject);
    if (stall !== undefined) return this.#stalled(subject, status, stall, false);
    try {
      return await (subject.executor.spec.runtime.type === 'External'
        ? this.#external(subject, status, signal)
        : this.#bringAbout(subject, status, signal));
    } catch (error) {
      if (!(error instanceof NotOwnedError)) throw error;
      return this.#stalled(subject, status, { reason: REASONS.NotOwned, message: error.message }, true);
    }
  }

  async #acceptance({ executor, relay }: Subject, signal: AbortSignal): Promise<Stall | undefined> {
    const { access, settings, world } = this.#options;
    const { namespace: name } = executor.metadata;
    const namespaceEnabled = await access.enabled(name, signal);
    const needsLabels = namespaceEnabled && relay?.spec.allowedNamespaces.from === 'Selector';
    const namespace = needsLabels ? await world.api.find(namespaces, { name }, { signal }) : undefined;
    const { template } = executor.spec;
    return decideAcceptance({
      executor,
      relay,
      namespaceEnabled,
      namespaceLabels: namespace?.metadata.labels ?? {},
      templateProblems: template === undefined ? [] : templateProblems(asPodTemplate(template)),
      operatorServiceAccount: settings.operatorServiceAccount,
    });
  }

  /** What is known of an executor by its name alone. */
  #named({ executor }: Subject): ExecutorStatus {
    const { namespace, name } = executor.metadata;
    const relay = relayOf(executor);
    return {
      ...executor.status,
      environmentID: environmentIdOf(namespace, name),
      relay: `${relay.namespace}/${relay.name}`,
    };
  }

  #stalled({ executor, relay }: Subject, status: ExecutorStatus, stall: Stall, accepted: boolean): Outcome {
    const findings = summarise({
      operatingMode: executor.spec.operatingMode,
      stall,
      accepted,
      relayKnown: relay !== undefined,
      keys: { type: status.keys.length > 0 ? 'ready' : 'pending', message: 'Keys are looked at when this is mended.' },
      pod: undefined,
      view: undefined,
      wasRegistered: false,
    });
    return { status, findings, requeueAt: this.#options.world.clock.now() + ASK_AGAIN_MS };
  }

  /** An `External` executor has no pod and makes its own keys (`design.md` §3): its token is ours, and who holds it is the executor. */
  async #external(subject: Subject, status: ExecutorStatus, signal: AbortSignal): Promise<Outcome> {
    const { executor, owner, relay } = subject;
    const { world } = this.#options;
    const heard = this.#heard(subject);
    const found = await reconcileExternal(world, executor, owner, heard, signal);
    const findings = summariseExternal({
      executor,
      stall: found.stall,
      registryUrl: relay?.status.addresses[0]?.registryURL,
      presence: found.presence,
      status: found.status,
    });
    const { sessions, until } = this.#sessions(executor, heard);
    const { sessions: _, ...rest } = status;
    return {
      status: { ...rest, external: found.status, ...(sessions !== undefined && { sessions }) },
      findings,
      events: found.event === undefined ? [] : [found.event],
      requeueAt: earliest(found.nextTime, until),
    };
  }

  async #bringAbout(subject: Subject, status: ExecutorStatus, signal: AbortSignal): Promise<Outcome> {
    const { executor, owner, relay } = subject;
    const { world } = this.#options;
    const { spec } = executor;
    const address = relay?.status.addresses.find(({ type }) => type === 'Internal');
    const heard = this.#heard(subject);
    await applySurroundings(world, executor, owner, address?.caBundle, signal);
    const seen = await this.#seePod(subject, signal);
    const view = seen && viewPod(seen);
    const keys = await this.#keys(subject, { seen, view, heard }, signal);
    const registryUrl = address?.registryURL;
    const startable = keys.type === 'ready' && registryUrl !== undefined;
    const pod = await this.#pod(subject, { view, startable, address, idle: heard.facts.idle }, signal);
    const stall = keys.stall ?? pod.refused;
    const conditions = summarise({
      operatingMode: spec.operatingMode,
      stall,
      accepted: true,
      relayKnown: registryUrl !== undefined,
      keys: { message: keys.message, type: keys.type === 'stalled' ? 'ready' : keys.type },
      pod: pod.decision,
      view: pod.view,
      wasRegistered: wasRegistered(executor, pod.view),
    });
    // Nobody tells when a Secret of somebody else's goes: only ours are followed.
    const keysWait = keys.type === 'stalled' || keys.type === 'unavailable' ? ASK_AGAIN_MS : undefined;
    const again = pod.refused ? REFUSED_AGAIN_MS : keysWait;
    const wait = again === undefined ? pod.decision.nextTime : world.clock.now() + again;
    const rest = withoutOld(status);
    const { sessions, until } = this.#sessions(executor, heard);
    const written = statusOf(keys.record);
    const serving = servingKey(written);
    return {
      status: {
        ...rest,
        ...written,
        ...(serving !== undefined && { activeKeyID: serving.id }),
        ...(spec.workspace.type === 'Persistent' && { workspaceVolumeClaim: executorNames(owner).workspace }),
        ...(pod.decision.status !== undefined && { pod: pod.decision.status }),
        ...(sessions !== undefined && { sessions }),
      },
      findings: [...conditions, ...keys.findings],
      record: keys.record,
      requeueAt: earliest(wait, until, keys.until),
    };
  }

  #heard({ executor, fence }: Subject): HeardFacts {
    const { registries } = this.#options;
    const { namespace, name } = executor.metadata;
    const relay = keyOf(relayOf(executor));
    const facts = registries.facts(relay, environmentIdOf(namespace, name), fence?.uid);
    return { facts, changedAt: registries.changedAt(relay) };
  }

  #sessions(executor: ServedExecutor, { facts, changedAt }: HeardFacts): ReturnType<typeof sessionsStatus> {
    return sessionsStatus(executor.status.sessions, facts, { changedAt, now: this.#options.world.clock.now() });
  }

  async #seePod({ executor, owner, fence }: Subject, signal: AbortSignal): Promise<Pod | undefined> {
    const { world } = this.#options;
    const pod = await findPod(world, owner, fence?.name ?? podName(owner, 1), signal);
    // A pod that does not count will be ended: only on the word of the API server, not of a cache that may be behind it.
    if (pod !== undefined && pod.metadata.uid !== fence?.uid) await confirmCurrent(world.api, executor, signal);
    return pod;
  }

  async #keys(subject: Subject, { seen, view, heard }: SeenPod, signal: AbortSignal): Promise<KeysResult> {
    const { executor, owner, fence } = subject;
    const { keys, world, registries } = this.#options;
    const { namespace, name } = executor.metadata;
    const keeper = new KeyKeeper({
      store: keys.store,
      secret: keys.secret,
      rests: keys.rests,
      memory: keys.memory,
      poke: (_holder, value) => pokePod(world, seen, value, signal),
      confirm: () => confirmCurrent(world.api, executor, signal),
    });
    const record = recordOf(executor.status);
    const environmentId = environmentIdOf(namespace, name);
    const now = world.clock.now();
    const pod = keyPod(seen);
    const input: KeeperInput = {
      holder: owner,
      now,
      record,
      policy: rotationPolicy(executor.spec.keys),
      ...(await requestsOf(executor, record, keys.requesters, signal)),
      pod: view?.phase === 'Running' ? pod : undefined,
      heard: heardKeys({
        ...{ facts: heard.facts, environmentId, view, fence: fence?.uid, record, startTime: pod?.startTime, now },
        relayPods: () => registries.relayPods(keyOf(relayOf(executor))),
      }),
    };
    return reconcileKeys(keeper, input, (done) => keys.teller.done(world, executor, done), signal);
  }

  /** Makes, replaces and ends pods, so that the one in status is the only one. */
  async #pod(
    { executor, owner, fence: known }: Subject,
    {
      view,
      startable,
      address,
      idle,
    }: {
      view: PodView | undefined;
      startable: boolean;
      /** It is known that nobody has a session. */
      idle: boolean;
      address: { registryURL: string; caBundle?: string | undefined } | undefined;
    },
    signal: AbortSignal,
  ): Promise<{ decision: PodDecision; view: PodView | undefined; refused?: Stall }> {
    const { world, settings } = this.#options;
    const { spec, metadata } = executor;
    const desired = (attempt: number) =>
      withHash(
        executorPod({
          owner,
          spec,
          settings,
          name: podName(owner, attempt),
          environmentId: environmentIdOf(metadata.namespace, metadata.name),
          registryUrl: address?.registryURL ?? '',
          privateTrust: address?.caBundle !== undefined,
        }),
      );
    const decision = decidePod(
      {
        operatingMode: spec.operatingMode,
        updatePolicy: spec.updatePolicy,
        startable,
        desiredHash: startable ? desired(1).hash : undefined,
        status: known,
        pod: view,
        idle,
      },
      (attempt) => podName(owner, attempt),
      world.clock.now(),
    );
    if (decision.action.type === 'none') {
      await deleteOthers(world, owner, decision.status?.name, signal);
      return { decision, view: view?.name === decision.status?.name ? view : undefined };
    }
    const { attempt } = decision.action;
    const created = await createPod(world, owner, desired(attempt).pod, signal);
    if ('refused' in created) return { decision, view: undefined, refused: created.refused };
    if ('nameTaken' in created) return { decision: { ...decision, nextTime: world.clock.now() }, view: undefined };
    const made = viewPod(created.pod);
    const startTime = created.pod.metadata.creationTimestamp;
    const { retryTime: _, ...rest } = decision.status ?? { name: made.name, attempt, failures: 0 };
    const fence = { ...rest, uid: made.uid, ...(startTime !== undefined && { startTime }) };
    this.#made.remember(owner, fence);
    await deleteOthers(world, owner, made.name, signal);
    return { decision: { ...decision, status: fence }, view: made };
  }
}

interface SeenPod {
  readonly seen: Pod | undefined;
  readonly view: PodView | undefined;
  readonly heard: HeardFacts;
}

/** What is written anew or not at all. */
function withoutOld(status: ExecutorStatus): ExecutorStatus {
  const { pod: _pod, sessions: _sessions, activeKeyID: _active, nextRotationTime: _next, ...rest } = status;
  const { ignoredRevocation: _ignored, ...kept } = rest;
  return kept;
}

/** The key that new connections get, as far as it is recorded; before one is active, the one that will be. */
function servingKey({ keys }: Pick<ExecutorStatus, 'keys'>): ExecutorStatus['keys'][number] | undefined {
  return keys.find(({ state }) => state === 'Active') ?? keys.findLast(({ state }) => state === 'Prepared');
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Whether this very pod was registered when somebody last looked: then it is disconnected now, and not on its way. */
function wasRegistered({ status }: ServedExecutor, view: PodView | undefined): boolean {
  const ready = status.conditions.find(({ type }) => type === READY);
  const before = ready?.reason === REASONS.Registered || ready?.reason === REASONS.Disconnected;
  const since = parseTime(status.pod?.startTime);
  return before && since !== undefined && view?.uid === status.pod?.uid;
}
