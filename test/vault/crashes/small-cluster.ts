import { ANNOTATIONS, API_VERSION } from '../../../src/api/index.ts';
import { isLive, type KeyHolder, type KeysRecord, recordOf, SecretKeyStore } from '../../../src/keys/index.ts';
import { BrokenRule } from '../../../src/keys/testing/rules.ts';
import { RestApi } from '../../../src/kube/client/rest-api.ts';
import type { ApiRequest, ApiResponse } from '../../../src/kube/client/transport.ts';
import { type ObjectApi, type Pod, pods } from '../../../src/kube/index.ts';
import { MemoryApiServer } from '../../../src/kube/testing/index.ts';
import { executors, type ServedExecutor } from '../../../src/operator/own-kinds.ts';
import { ManualClock } from '../../../src/telemetry/testing/manual-clock.ts';

const START = Date.parse('2026-11-30T00:00:00Z');

/** Requests of the operator that change something, and the one that asks whether it may. */
const EFFECTS: readonly (readonly [RegExp, string])[] = [
  [/^GET .*\/executors\//, 'confirm'],
  [/^PATCH .*\/executors\/.*\/status\b/, 'status'],
  [/^POST .*\/secrets\b/, 'creation of the Secret'],
  [/^PATCH .*\/secrets\//, 'change of the Secret'],
  [/^PATCH .*\/pods\//, 'poke'],
];

/** Lets a request through to the server, or not. `effect`: undefined for what only looks. */
export type Around = (
  effect: string | undefined,
  step: string,
  send: () => Promise<ApiResponse>,
) => Promise<ApiResponse>;

/**
 * An API server with one Executor, and who lives at it beside the operator: people, a kubelet, and a sidecar that registers what is mounted. Time goes
 * only when told.
 */
export class SmallCluster {
  readonly clock = new ManualClock(START);
  readonly #server = new MemoryApiServer({ clock: this.clock });
  readonly #hands = this.#server.api();
  readonly #secrets = new SecretKeyStore(this.#hands);
  readonly #ref: { readonly namespace: string; readonly name: string };
  #uid = '';
  #pods = 0;
  #podRuns = false;
  /** Fingerprints: what the sidecar has in memory, and has registered. */
  #mounted: ReadonlySet<string> = new Set();
  readonly #everMounted = new Set<string>();

  private constructor(name: string) {
    this.#ref = { namespace: 'team-a', name };
    this.#server.define(executors);
  }

  /** One Executor of this name, with an overlap of an hour, and its pod. */
  static async start(name: string): Promise<SmallCluster> {
    const cluster = new SmallCluster(name);
    const spec = { relayRef: { name: 'main' }, keys: { rotation: { overlap: '1h' } } };
    const made = { apiVersion: API_VERSION, kind: 'Executor', metadata: cluster.#ref, ...{ spec } };
    cluster.#uid = (await cluster.#hands.create(executors, made)).metadata.uid;
    await cluster.runPod();
    return cluster;
  }

  get holder(): KeyHolder {
    return { ...this.#ref, uid: this.#uid };
  }

  /** As the operator reaches it. */
  operatorApi(around: Around): ObjectApi {
    const send = (request: ApiRequest) => around(effectOf(request), request.step, () => this.#send(request));
    return new RestApi({ transport: { send, close: async () => undefined }, clock: this.clock });
  }

  executor(): Promise<ServedExecutor> {
    return this.#hands.get(executors, this.#ref);
  }

  async record(): Promise<KeysRecord> {
    return recordOf((await this.executor()).status);
  }

  pod(): Promise<Pod> {
    return this.#hands.get(pods, { namespace: this.#ref.namespace, name: this.#podName });
  }

  async annotate(annotations: Readonly<Record<string, string>>): Promise<void> {
    await this.#hands.patch(executors, this.#ref, { type: 'merge', body: { metadata: { annotations } } });
  }

  /** Fingerprints in the memory of the sidecar. */
  get loaded(): ReadonlySet<string> {
    return this.#mounted;
  }

  /** What was in the memory of any of its sidecars. */
  get everLoaded(): ReadonlySet<string> {
    return this.#everMounted;
  }

  /** What registries accept of what is loaded. */
  async served(): Promise<ReadonlySet<string>> {
    const accepted = (await this.record()).keys.filter(isLive).flatMap(({ fingerprint }) => fingerprint ?? []);
    return new Set(accepted.filter((fingerprint) => this.#mounted.has(fingerprint)));
  }

  /** Ids and fingerprints. */
  async inSecret(): Promise<ReadonlyMap<string, string>> {
    const keys = await this.#secrets.list(this.holder);
    return new Map(keys.map(({ id, fingerprint }) => [id, fingerprint ?? '']));
  }

  /** The pod ends in the middle of what happens. */
  endPod(): void {
    this.#podRuns = false;
    this.#mounted = new Set();
  }

  /** There is a pod: the one that runs, or the next. */
  async runPod(): Promise<void> {
    if (this.#podRuns) return;
    this.#pods += 1;
    const metadata = { namespace: this.#ref.namespace, name: this.#podName };
    await this.#hands.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, ...{ spec: { containers: [] } } });
    this.#podRuns = true;
    await this.#mount();
  }

  get #podName(): string {
    return `${this.#ref.name}-pod-${this.#pods}`;
  }

  async #send(request: ApiRequest): Promise<ApiResponse> {
    const isPoke = effectOf(request) === 'poke';
    const before = isPoke ? poked(await this.pod()) : undefined;
    const answer = await this.#server.send(request);
    if (!isPoke) return answer;
    if (poked(await this.pod()) === before) throw new BrokenRule(`the pod is poked twice by ${before}`);
    if (this.#podRuns) await this.#mount();
    return answer;
  }

  async #mount(): Promise<void> {
    this.#mounted = new Set((await this.inSecret()).values());
    for (const fingerprint of this.#mounted) this.#everMounted.add(fingerprint);
  }
}

function poked({ metadata }: Pod): string | undefined {
  return metadata.annotations?.[ANNOTATIONS.keysChangedAt];
}

function effectOf({ method, path }: ApiRequest): string | undefined {
  return EFFECTS.find(([request]) => request.test(`${method} ${path}`))?.[1];
}
