import { ANNOTATIONS } from '../../../src/api/index.ts';
import {
  type HeardKeys,
  type KeeperStep,
  KeyKeeper,
  type KeyStore,
  KeyStoreError,
  type KeysRecord,
  recordOf,
  requestsIn,
  rotationPolicy,
  SecretKeyStore,
  statusOf,
  VaultKeyStore,
} from '../../../src/keys/index.ts';
import { fingerprintIn } from '../../../src/keys/stores/key-file-bytes.ts';
import { BrokenRule, type Change, mayChange, mayFollow, type Scene } from '../../../src/keys/testing/rules.ts';
import { keyFileIn } from '../../../src/keys/vault/entry.ts';
import type { ApiResponse } from '../../../src/kube/client/transport.ts';
import { ApiError, type ObjectApi, secondTime } from '../../../src/kube/index.ts';
import { writeStatus } from '../../../src/operator/conditions/write-status.ts';
import { confirmCurrent } from '../../../src/operator/executor/confirm-current.ts';
import { pokePod } from '../../../src/operator/executor-pod/poke.ts';
import { keyPod } from '../../../src/operator/executor-secret/key-pod.ts';
import { executors, type ServedExecutor } from '../../../src/operator/own-kinds.ts';
import { systemClock } from '../../../src/telemetry/index.ts';
import type { GuidedBao } from '../guided-bao.ts';
import { SmallCluster } from './small-cluster.ts';

const HOUR = 3_600_000;

/** More steps than any look at unchanged things may need before there is nothing left to do. */
const MAX_STEPS = 200;

export interface Mishap {
  /** The number of the moment at which it comes. */
  readonly at: number;
  /**
   * `fails`: the operator goes on, and OpenBao or the API server has failed there: before, undone; after, done, and the answer is lost. `loses its pod`:
   * what is done is done, and the pod ends at that moment.
   */
  readonly fate: 'dies' | 'fails' | 'loses its pod';
}

/** What the dead get. */
class Died extends Error {}

/** An operator over a real OpenBao and an API server, to which one mishap comes. */
export class Life {
  /** Before each effect, and after: a change in OpenBao (after: each request of it), and each request to the API server that changes something, or asks for leave to. */
  readonly moments: string[] = [];
  readonly #cluster: SmallCluster;
  readonly #guided: GuidedBao;
  readonly #mishap: Mishap | undefined;
  readonly #api: ObjectApi;
  readonly #vault: VaultKeyStore;
  readonly #secret: SecretKeyStore;
  /** What its cache shows: it is behind while an answer was lost. */
  #seen: ServedExecutor | undefined;
  #isDead = false;
  /** Since its last change. */
  #inVault: Promise<ReadonlyMap<string, string>> | undefined;

  private constructor(guided: GuidedBao, cluster: SmallCluster, mishap: Mishap | undefined) {
    this.#guided = guided;
    this.#cluster = cluster;
    this.#mishap = mishap;
    this.#api = cluster.operatorApi((effect, step, send) => this.#request(effect, step, send));
    this.#secret = new SecretKeyStore(this.#api);
    this.#vault = new VaultKeyStore({
      settings: guided.settings(),
      clock: systemClock,
      environment: {},
      onCall: ({ operation }) => {
        if (operation !== 'write' && operation !== 'delete') return this.#mustLive();
        this.#inVault = undefined;
        return this.#moment(`after vault ${operation}`, vaultFailure);
      },
    });
  }

  static async begin(guided: GuidedBao, name: string, mishap?: Mishap): Promise<Life> {
    return new Life(guided, await SmallCluster.start(name), mishap);
  }

  close(): void {
    this.#vault.close();
  }

  rotate(value: string): Promise<void> {
    return this.#cluster.annotate({ [ANNOTATIONS.rotateRequestedAt]: value });
  }

  revoke(id: string): Promise<void> {
    return this.#cluster.annotate({ [ANNOTATIONS.revokeRequestedKey]: id });
  }

  record(): Promise<KeysRecord> {
    return this.#cluster.record();
  }

  /**
   * Until there is nothing to do now. Who dies is started again at once, and knows what is stored and nothing else.
   *
   * @returns when there is something to do, in milliseconds
   */
  async work(): Promise<number | undefined> {
    for (let left = MAX_STEPS; left > 0; left--) {
      if (this.#isDead) this.#seen = undefined;
      this.#isDead = false;
      try {
        await this.#cluster.runPod();
        const step = await this.#step();
        if (step.type === 'wait') return step.until;
      } catch (error) {
        if (!(error instanceof Died || error instanceof ApiError)) throw error;
        // A Conflict tells that the cache is behind.
        if (error instanceof ApiError && error.code === 'Conflict') this.#seen = undefined;
      }
    }
    throw new Error(`no end of work: ${this.moments.slice(-10)}`);
  }

  /** Overlaps and pauses are over by then; the operator looks whenever it said that it would. */
  async later(): Promise<void> {
    const { clock } = this.#cluster;
    const end = clock.now() + 2 * HOUR;
    while (clock.now() < end) {
      const until = await this.work();
      clock.advance(Math.min(end, until ?? end) - clock.now());
    }
    await this.work();
  }

  /** What there is now, as nobody in the product sees it. */
  async scene(): Promise<Scene> {
    const cluster = this.#cluster;
    this.#inVault = this.#inVault ?? this.#lookIntoVault();
    const { rotation, revocation } = requestsIn((await cluster.executor()).metadata.annotations ?? {}, false);
    return {
      record: await cluster.record(),
      store: await this.#inVault,
      secret: await cluster.inSecret(),
      served: cluster.everLoaded,
      loaded: cluster.loaded,
      asked: { rotation: rotation?.value, revocation: revocation?.keyId },
      now: cluster.clock.now(),
    };
  }

  async #step(): Promise<Pick<KeeperStep, 'type' | 'until'>> {
    const executor = this.#seen ?? (await this.#cluster.executor());
    this.#seen = executor;
    const { holder, clock } = this.#cluster;
    const pod = await this.#cluster.pod();
    const signal = new AbortController().signal;
    const keeper = new KeyKeeper({
      store: this.#watched(this.#vault, { create: 'make', put: undefined, destroy: 'destroy' }),
      secret: this.#watched(this.#secret, { create: undefined, put: 'deliver', destroy: 'withdraw' }),
      poke: (_holder, value) => pokePod({ api: this.#api }, pod, value),
      confirm: () => confirmCurrent(this.#api, executor, signal),
    });
    const record = recordOf(executor.status);
    const step = await keeper.step({
      ...{ holder, record, now: clock.now(), policy: rotationPolicy(executor.spec.keys), pod: keyPod(pod) },
      ...requestsIn(executor.metadata.annotations ?? {}, false),
      heard: await this.#heard(),
    });
    // The dead write nothing down.
    this.#mustLive();
    if (step.type === 'record') await this.#write(executor, step.record, signal);
    const { resourceVersion } = (await this.#cluster.executor()).metadata;
    if (step.type !== 'wait' || executor.metadata.resourceVersion === resourceVersion) return step;
    // The cache comes up with what there is.
    this.#seen = undefined;
    return { type: 'acted' };
  }

  async #write(executor: ServedExecutor, record: KeysRecord, signal: AbortSignal): Promise<void> {
    const status = { ...executor.status, ...statusOf(record) };
    const world = { api: this.#api, clock: this.#cluster.clock, events: { record: () => undefined } };
    await writeStatus(world, executors, executor, { status, findings: [] }, signal);
    this.#seen = undefined;
  }

  /** Registries, a relay and the sidecar hear of everything at once, and enforce a deny a moment later. */
  async #heard(): Promise<HeardKeys> {
    const served = await this.#cluster.served();
    const parties = ['registry', 'relay', 'sidecar'];
    const { keys } = await this.record();
    const now = secondTime(this.#cluster.clock.now());
    const denied = keys.filter(({ revocationTime }) => revocationTime !== undefined && revocationTime < now);
    const enforced = denied.flatMap(({ fingerprint }) => fingerprint ?? []);
    return {
      ...{ known: true, present: served, live: served, loaded: this.#cluster.loaded },
      acknowledged: new Map(enforced.map((fingerprint) => [fingerprint, new Set(parties)])),
      ...{ registries: ['registry'], relays: ['relay'], sidecars: ['sidecar'] },
    };
  }

  /** What a call of a store changes is held against what must be so then; `undefined`: nobody but drift calls it. */
  #watched(store: KeyStore, changes: Readonly<Record<'create' | 'put' | 'destroy', Change | undefined>>): KeyStore {
    const { create, put, destroy } = changes;
    const effect = async <Result>(change: Change | undefined, id: string, run: () => Promise<Result>) => {
      if (store === this.#vault) this.#moment(`before vault ${change}`, vaultFailure);
      if (change === undefined) throw new BrokenRule(`${id} is changed in the wrong place`);
      mayChange(change, id, await this.scene());
      return run();
    };
    return {
      list: (holder) => store.list(holder),
      read: (holder, id) => store.read(holder, id),
      create: (holder, id) => effect(create, id, () => store.create(holder, id)),
      put: (holder, id, keyFile) => effect(put, id, () => store.put(holder, id, keyFile)),
      destroy: (holder, id, policy) => effect(destroy, id, () => store.destroy(holder, id, policy)),
      note: (holder, id, note) => {
        this.#moment('before vault note', vaultFailure);
        return store.note(holder, id, note);
      },
    };
  }

  /** Of one request to the API server. */
  async #request(effect: string | undefined, step: string, send: () => Promise<ApiResponse>): Promise<ApiResponse> {
    this.#mustLive();
    if (effect === undefined) return send();
    const failure = (message: string) => new ApiError({ code: 'Unreachable', step, message });
    this.#moment(`before ${effect}`, failure);
    const before = await this.record();
    const answer = await send();
    if (effect === 'status') mayFollow(before, await this.record(), await this.scene());
    this.#moment(`after ${effect}`, failure);
    return answer;
  }

  #moment(what: string, failure: (what: string) => Error): void {
    this.#mustLive();
    this.moments.push(what);
    if (this.moments.length - 1 !== this.#mishap?.at) return;
    if (this.#mishap.fate === 'loses its pod') {
      this.#cluster.endPod();
      return;
    }
    this.#isDead = this.#mishap.fate === 'dies';
    throw failure(what);
  }

  #mustLive(): void {
    if (this.#isDead) throw new Died();
  }

  /** Of each key that can be read, which is there in one version: made once. */
  async #lookIntoVault(): Promise<ReadonlyMap<string, string>> {
    const { bao } = this.#guided;
    const { namespace, name } = this.#cluster.holder;
    const path = `production/${namespace}/${name}/`;
    const found = new Map<string, string>();
    for (const id of await bao.list(`kv/metadata/${path}`)) {
      const { status, body } = await bao.root('GET', `kv/data/${path}${id}`);
      if (status === 404) continue;
      const fingerprint = fingerprintIn(keyFileIn(Buffer.from(JSON.stringify(body))));
      if (versionIn(body) !== 1) throw new BrokenRule(`${id} was made ${versionIn(body)} times`);
      found.set(id, fingerprint ?? '');
    }
    return found;
  }
}

function vaultFailure(what: string): KeyStoreError {
  return new KeyStoreError('unavailable', 'test', what);
}

function versionIn(answer: unknown): unknown {
  return Reflect.get(Object(Reflect.get(Object(Reflect.get(Object(answer), 'data')), 'metadata')), 'version');
}
