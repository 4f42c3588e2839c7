import { createHash } from 'node:crypto';
import { AUDIENCES } from '../../api/index.ts';
import type { Clock, Timer } from '../../telemetry/index.ts';
import {
  type Access,
  type EnvironmentId,
  environmentIdOf,
  type Incarnation,
  parseIncarnation,
} from '../../wire/index.ts';
import type {
  ClientAuthentication,
  Directory,
  DirectoryChange,
  EnvironmentRecord,
  ExecutorAuthentication,
} from '../directory/directory.ts';
import { nextFence } from '../directory/environment-history.ts';
import { accessStandsIn, type DirectoryView, EMPTY_DIRECTORY_VIEW, grantIn } from '../directory/view.ts';
import { changesBetween, nextGrantExpiry, standingChanges } from '../directory/view-changes.ts';
import type { Authenticator } from './authenticator.ts';
import type { ExecutorFacts, GrantFacts, RelayFacts } from './cluster-objects.ts';
import { namespaceView, type TrustDomain } from './cluster-view.ts';
import { RecentSet } from './recent-set.ts';
import { identityOf, type ServiceAccountToken } from './service-account-token.ts';

/** Changes that come together are looked at together: a thousand objects of one list are one version. */
const BATCH_MS = 10;
/** Timers never exceed an hour: a longer wait is looked at again then. */
const LONGEST_WAIT_MS = 3_600_000;
/** Identities that connected here, and environments that are gone: for who is let in by namespace, and for who comes too late. */
const MAX_REMEMBERED = 20_000;

export interface ClusterDirectoryOptions {
  readonly relay: { readonly namespace: string; readonly name: string };
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly clock: Clock;
}

type Listener = (changes: readonly DirectoryChange[]) => void;

interface Namespace {
  readonly executors: Map<string, ExecutorFacts>;
  readonly grants: Map<string, GrantFacts>;
  view: DirectoryView;
  viewedAt: number;
}

/**
 * The directory of a cluster: what informers bring, kept per namespace, because a grant reaches no further. Every read is answered from
 * memory; only a token may have to be shown to the API server.
 */
export class ClusterDirectory implements Directory {
  readonly #options: ClusterDirectoryOptions;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #namespaceOf = new Map<EnvironmentId, string>();
  readonly #tokens = new Map<string, { readonly environmentId: EnvironmentId; readonly expiresAt: number }>();
  readonly #dirty = new Set<string>();
  readonly #listeners = new Set<Listener>();
  readonly #seen = new RecentSet<string>(MAX_REMEMBERED);
  readonly #gone = new RecentSet<EnvironmentId>(MAX_REMEMBERED);
  #domain: TrustDomain;
  #synced = false;
  #complete = false;
  #batch: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(options: ClusterDirectoryOptions) {
    this.#options = options;
    this.#domain = { ...options.relay, relay: undefined };
  }

  /** The Relay whose registry this is; undefined while there is none. */
  get relay(): RelayFacts | undefined {
    return this.#domain.relay;
  }

  setRelay(relay: RelayFacts | undefined): void {
    this.#domain = { ...this.#options.relay, relay };
    for (const namespace of this.#namespaces.keys()) this.#changed(namespace);
  }

  setExecutor(namespace: string, name: string, facts: ExecutorFacts | undefined): void {
    const { executors } = this.#namespace(namespace);
    if (facts === undefined) executors.delete(name);
    else executors.set(name, facts);
    this.#changed(namespace);
  }

  setGrant(namespace: string, name: string, facts: GrantFacts | undefined): void {
    const { grants } = this.#namespace(namespace);
    if (facts === undefined) grants.delete(name);
    else grants.set(name, facts);
    this.#changed(namespace);
  }

  /** All lists were read. Whether what is here is what the API server has: false while a watch is broken. */
  setComplete(complete: boolean): void {
    this.#complete = complete;
    if (this.#synced) return;
    this.#flush();
    this.#synced = true;
    // At the first version nobody's access was taken or given: it was only read.
    this.#tell(this.#standing().filter(({ type }) => type === 'key_revoked'));
  }

  synced(): boolean {
    return this.#synced;
  }

  complete(): boolean {
    return this.#complete;
  }

  async authenticateClient(bearer: string): Promise<ClientAuthentication> {
    if (!this.#synced) return { outcome: 'unavailable' };
    const proof = await this.#options.authenticator.authenticate(bearer, AUDIENCES.connect);
    if (proof.outcome === 'withdrawn') return { outcome: 'unknown' };
    if (proof.outcome !== 'proven') return proof;
    const identity = identityOf(proof.token);
    this.#seen.add(identity);
    return { outcome: 'proven', identity };
  }

  async authenticateExecutor(bearer: string, asked: EnvironmentId): Promise<ExecutorAuthentication> {
    if (!this.#synced) return { outcome: 'unavailable' };
    const registration = this.#tokens.get(createHash('sha256').update(bearer, 'utf8').digest('hex'));
    if (registration !== undefined) {
      const { environmentId, expiresAt } = registration;
      if (expiresAt <= this.#options.clock.now()) return { outcome: 'expired' };
      return { outcome: 'proven', environmentId, incarnation: undefined };
    }
    const proof = await this.#options.authenticator.authenticate(bearer, AUDIENCES.registry);
    switch (proof.outcome) {
      case 'proven':
        return this.#podOf(proof.token, asked);
      case 'withdrawn':
        return this.#formerPod(proof.token, asked);
      default:
        return proof;
    }
  }

  environment(id: EnvironmentId): EnvironmentRecord | undefined {
    return this.#viewOf(id)?.environments.get(id);
  }

  grantFor(identity: string, environmentId: EnvironmentId): string | undefined {
    const view = this.#viewOf(environmentId);
    return view && grantIn(view, identity, environmentId, this.#options.clock.now());
  }

  accessStands(access: Access): boolean {
    const view = this.#viewOf(access.environmentId);
    return view !== undefined && accessStandsIn(view, access, this.#options.clock.now());
  }

  subscribe(listener: Listener): () => void {
    listener(this.#standing());
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
    this.#batch?.cancel();
    this.#expiry?.cancel();
  }

  /** Every environment that is served here. */
  environments(): EnvironmentRecord[] {
    return [...this.#namespaces.values()].flatMap(({ view }) => [...view.environments.values()]);
  }

  #podOf({ namespace, pod }: ServiceAccountToken, asked: EnvironmentId): ExecutorAuthentication {
    // Only pods have sidecars: a token without one was asked for by somebody.
    if (pod === undefined) return { outcome: 'unknown' };
    const home = this.#namespaceOf.get(asked);
    if (home === undefined) {
      // An executor that was deleted has no pod any more; one that was never seen is perhaps too new for us.
      const incarnation = parseIncarnation(pod.uid);
      return this.#gone.has(asked)
        ? { outcome: 'proven', environmentId: asked, incarnation }
        : { outcome: 'unavailable' };
    }
    if (home !== namespace || this.environment(asked)?.runtime === 'External') return { outcome: 'unknown' };
    return { outcome: 'proven', environmentId: asked, incarnation: parseIncarnation(pod.uid) };
  }

  /** A pod that is no more and that another one has replaced: it hears so, and its sidecar ends what still runs. */
  #formerPod({ namespace, pod }: ServiceAccountToken, asked: EnvironmentId): ExecutorAuthentication {
    const record = this.environment(asked);
    const home = this.#namespaceOf.get(asked);
    if (pod === undefined || home !== namespace || record?.fence.current === undefined) return { outcome: 'unknown' };
    const incarnation = parseIncarnation(pod.uid);
    if (incarnation === record.fence.current) return { outcome: 'unknown' };
    this.#remember(home, record, incarnation);
    return { outcome: 'proven', environmentId: asked, incarnation };
  }

  #remember(home: string, record: EnvironmentRecord, former: Incarnation): void {
    const namespace = this.#namespace(home);
    const { current } = record.fence;
    const fence = nextFence({ ...record, fence: { ...record.fence, current: former } }, current);
    const environments = new Map(namespace.view.environments).set(record.id, { ...record, fence });
    namespace.view = { ...namespace.view, environments };
  }

  #viewOf(id: EnvironmentId): DirectoryView | undefined {
    const namespace = this.#namespaceOf.get(id);
    return namespace === undefined ? undefined : this.#namespaces.get(namespace)?.view;
  }

  #namespace(name: string): Namespace {
    const known = this.#namespaces.get(name);
    if (known !== undefined) return known;
    const viewedAt = this.#options.clock.now();
    const fresh = { executors: new Map(), grants: new Map(), view: EMPTY_DIRECTORY_VIEW, viewedAt };
    this.#namespaces.set(name, fresh);
    return fresh;
  }

  #changed(namespace: string): void {
    this.#dirty.add(namespace);
    if (!this.#synced) return;
    this.#batch ??= this.#options.clock.after(BATCH_MS, () => this.#flush());
  }

  #flush(): void {
    this.#batch = undefined;
    const changes = [...this.#dirty].flatMap((name) => this.#advance(name));
    this.#dirty.clear();
    this.#armExpiry();
    if (this.#synced) this.#tell(changes);
  }

  #advance(name: string): DirectoryChange[] {
    const namespace = this.#namespace(name);
    const before = { view: namespace.view, now: namespace.viewedAt };
    const executors = [...namespace.executors.values()];
    const view = namespaceView(before.view, { executors, grants: [...namespace.grants.values()] }, this.#domain);
    namespace.view = view;
    namespace.viewedAt = this.#options.clock.now();
    for (const id of before.view.environments.keys()) {
      if (view.environments.has(id)) continue;
      this.#namespaceOf.delete(id);
      this.#gone.add(id);
    }
    for (const id of view.environments.keys()) this.#namespaceOf.set(id, name);
    this.#indexTokens(before.view, executors);
    if (executors.length === 0 && namespace.grants.size === 0) this.#namespaces.delete(name);
    return changesBetween(before, { view, now: namespace.viewedAt }, this.#seen);
  }

  #indexTokens(before: DirectoryView, executors: readonly ExecutorFacts[]): void {
    for (const [sha256, { environmentId }] of this.#tokens) {
      if (before.environments.has(environmentId)) this.#tokens.delete(sha256);
    }
    for (const { namespace, name, runtime, registrationTokens } of executors) {
      const environmentId = environmentIdOf(namespace, name);
      if (runtime !== 'External' || !this.#namespaceOf.has(environmentId)) continue;
      for (const { sha256, expiresAt } of registrationTokens) this.#tokens.set(sha256, { environmentId, expiresAt });
    }
  }

  #standing(): DirectoryChange[] {
    const now = this.#options.clock.now();
    return [...this.#namespaces.values()].flatMap(({ view }) => standingChanges(view, now));
  }

  #tell(changes: readonly DirectoryChange[]): void {
    for (const listener of this.#listeners) listener(changes);
  }

  #armExpiry(): void {
    this.#expiry?.cancel();
    const { clock } = this.#options;
    const now = clock.now();
    const next = [...this.#namespaces].flatMap(([name, { view }]) => {
      const at = nextGrantExpiry(view, now);
      return at === undefined ? [] : [{ name, at }];
    });
    if (next.length === 0) return;
    const { at } = next.reduce((a, b) => (a.at <= b.at ? a : b));
    this.#expiry = clock.after(Math.min(at - now, LONGEST_WAIT_MS), () => {
      for (const each of next) if (each.at <= clock.now()) this.#dirty.add(each.name);
      this.#flush();
    });
  }
}
