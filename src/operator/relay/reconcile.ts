import { READY, REASONS, type RelayStatus } from '../../api/index.ts';
import {
  deployments,
  keyOf,
  networkPolicies,
  podDisruptionBudgets,
  serviceAccounts,
  services,
} from '../../kube/index.ts';
import { applyChild, NotOwnedError, removeChild } from '../children/apply-child.ts';
import { type Owner, selectorLabels } from '../children/child.ts';
import type { ImageSettings } from '../children/image-settings.ts';
import { PORTS } from '../children/ports.ts';
import type { Finding } from '../conditions/conditions.ts';
import { writeStatus } from '../conditions/write-status.ts';
import { childrenLeft, deletingFindings } from '../deletion/deleting.ts';
import { ASK_AGAIN_MS, type NamespaceAccess, SYNC_LOOK_MS } from '../namespaces/access.ts';
import { notEnabled, type Stall } from '../namespaces/decide.ts';
import { relays, type ServedRelay } from '../own-kinds.ts';
import type { FactsSource } from '../registries/registries.ts';
import type { TicketKeyTimes } from '../ticket-keys/decide.ts';
import { reconcileTicketKeys, TicketKeysUnreadable } from '../ticket-keys/reconcile.ts';
import { readBroughtSecret } from '../tls/brought-secret.ts';
import { applyBundle } from '../tls/bundle.ts';
import { type CertificateStatus, reconcileTls } from '../tls/reconcile.ts';
import type { TlsTimes } from '../tls/times.ts';
import type { World } from '../world.ts';
import {
  networkPolicies as desiredPolicies,
  services as desiredServices,
  disruptionBudgets,
  relayServiceAccount,
} from './access.ts';
import { decideRelay, replicasOf, stalledRelay } from './decide.ts';
import { type RelaySettings, registryDeployment, relayDeployment } from './deployments.ts';
import { countExecutors } from './executors.ts';
import { relayNames, serviceHosts } from './names.ts';
import { certificatesFinding, ticketKeysFinding } from './trust.ts';

export interface RelayControllerOptions {
  readonly world: World;
  readonly access: NamespaceAccess;
  readonly settings: ImageSettings & RelaySettings;
  readonly registries: Pick<FactsSource, 'ticketKeys'>;
  readonly tlsTimes: TlsTimes;
  readonly ticketKeyTimes: TicketKeyTimes;
}

/** Of the registry and of the relays. */
const CERTIFICATES_GENERATED = 2;

/** A human has to mend this before the Relay goes on. */
class Stalled extends Error {
  readonly stall: Stall;

  constructor(stall: Stall) {
    super(stall.message);
    this.stall = stall;
  }
}

interface Certificates {
  /** Undefined: clients trust the certificates anyway. */
  readonly bundle: string | undefined;
  readonly userSecret: string | undefined;
  readonly certificates: readonly CertificateStatus[];
  readonly nextTime: number | undefined;
}

/** Brings one Relay's children to what it wants and says how it stands. */
export class RelayReconciler {
  readonly #options: RelayControllerOptions;

  constructor(options: RelayControllerOptions) {
    this.#options = options;
  }

  async reconcile(
    ref: { namespace: string; name: string },
    signal: AbortSignal,
  ): Promise<{ requeueAt: number } | undefined> {
    const { world, access, settings } = this.#options;
    const relay = world.stores.relays.get(ref);
    if (relay === undefined) return undefined;
    if (relay.metadata.deletionTimestamp !== undefined) {
      await this.#write(relay, relay.status, deletingFindings(childrenLeft(world.stores, relay.metadata)), signal);
      return undefined;
    }
    const owner: Owner = { kind: 'Relay', name: ref.name, namespace: ref.namespace, uid: relay.metadata.uid };
    if (!(await access.enabled(ref.namespace, signal))) {
      await this.#write(
        relay,
        relay.status,
        stalledRelay(notEnabled(ref.namespace, settings.operatorServiceAccount)),
        signal,
      );
      return { requeueAt: world.clock.now() + ASK_AGAIN_MS };
    }
    if (!world.synced(ref.namespace)) return { requeueAt: world.clock.now() + SYNC_LOOK_MS };
    try {
      return await this.#bringAbout(relay, owner, signal);
    } catch (error) {
      const stall = stallOf(error);
      if (stall === undefined) throw error;
      await this.#write(relay, relay.status, stalledRelay(stall), signal);
      return { requeueAt: world.clock.now() + ASK_AGAIN_MS };
    }
  }

  async #bringAbout(relay: ServedRelay, owner: Owner, signal: AbortSignal): Promise<{ requeueAt: number } | undefined> {
    const { world, settings, ticketKeyTimes } = this.#options;
    const { spec } = relay;
    const tls = await this.#certificates(relay, owner, signal);
    const ticketKeys = await reconcileTicketKeys(world, owner, ticketKeyTimes, signal);
    await this.#applyAround(relay, owner, signal);
    const privateTrust = tls.bundle !== undefined;
    const input = {
      owner,
      spec,
      settings,
      privateTrust,
      ...(tls.userSecret !== undefined && { userTlsSecret: tls.userSecret }),
    };
    const kind = { resource: deployments, store: world.stores.deployments };
    const registries = replicasOf(await applyChild(world, kind, registryDeployment(input), owner, signal));
    const relayReplicas = replicasOf(await applyChild(world, kind, relayDeployment(input), owner, signal));
    const status: RelayStatus = {
      ...relay.status,
      addresses: addressesOf(relay, owner, tls.bundle),
      replicas: relayReplicas.current,
      readyReplicas: relayReplicas.ready,
      terminatingReplicas: relayReplicas.terminating > 0 ? relayReplicas.terminating : undefined,
      selector: Object.entries(selectorLabels(owner, 'relay'))
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
      registry: { replicas: registries.current, readyReplicas: registries.ready },
      executors: countExecutors(world.stores.executors.list(), keyOf(owner)),
      ticketKeys: [...ticketKeys.status],
      certificates: tls.certificates.map((each) => ({ ...each })),
    };
    const trusted = this.#trust(relay, status);
    const wasReady = relay.status.conditions.some(({ type, status: value }) => type === READY && value === 'True');
    const findings = decideRelay({ relays: relayReplicas, registries, wasReady, ...trusted });
    await this.#write(relay, status, findings, signal);
    const { nextTime = Number.POSITIVE_INFINITY } = trusted.certificates;
    return { requeueAt: Math.min(ticketKeys.nextTime, tls.nextTime ?? Number.POSITIVE_INFINITY, nextTime) };
  }

  #trust({ spec, metadata }: ServedRelay, { certificates, ticketKeys }: RelayStatus) {
    const { world, registries } = this.#options;
    const { type } = spec.tls;
    const wanted = type === 'Generated' ? CERTIFICATES_GENERATED : 1;
    return {
      certificates: certificatesFinding({ certificates, wanted, type, now: world.clock.now() }),
      ticketKeys: ticketKeysFinding(ticketKeys, registries.ticketKeys(keyOf(metadata))),
    };
  }

  async #certificates(relay: ServedRelay, owner: Owner, signal: AbortSignal): Promise<Certificates> {
    const { world, tlsTimes } = this.#options;
    const { tls } = relay.spec;
    if (tls.type === 'Generated')
      return { ...(await reconcileTls(world, relay, owner, tlsTimes, signal)), userSecret: undefined };
    const { name } = tls.secretRef;
    const brought = await readBroughtSecret(world, { namespace: owner.namespace, name }, signal);
    if ('stall' in brought) throw new Stalled(brought.stall);
    await applyBundle(world, owner, { text: brought.bundle ?? '' }, signal);
    return { ...brought, userSecret: name };
  }

  /** Everything but the Deployments. */
  async #applyAround({ spec }: ServedRelay, owner: Owner, signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    const { stores } = world;
    const names = relayNames(owner);
    const apply = applyChild.bind(undefined, world);
    await apply(
      { resource: serviceAccounts, store: stores.serviceAccounts },
      relayServiceAccount(owner),
      owner,
      signal,
    );
    for (const service of desiredServices(owner)) {
      await apply({ resource: services, store: stores.services }, service, owner, signal);
    }
    for (const policy of desiredPolicies(owner)) {
      await apply({ resource: networkPolicies, store: stores.networkPolicies }, policy, owner, signal);
    }
    const budgets = disruptionBudgets(owner, { registry: spec.registry.replicas, relay: spec.replicas });
    const kind = { resource: podDisruptionBudgets, store: stores.podDisruptionBudgets };
    for (const budget of budgets) await apply(kind, budget, owner, signal);
    for (const name of [names.registry, names.relay]) {
      if (budgets.some(({ metadata }) => metadata.name === name)) continue;
      await removeChild(world, kind, { namespace: owner.namespace, name }, owner, signal);
    }
  }

  #write(relay: ServedRelay, status: RelayStatus, findings: readonly Finding[], signal: AbortSignal): Promise<void> {
    return writeStatus(this.#options.world, relays, relay, { status, findings }, signal);
  }
}

function addressesOf({ spec }: ServedRelay, owner: Owner, caBundle: string | undefined): RelayStatus['addresses'] {
  const names = relayNames(owner);
  const [registryHost] = serviceHosts(names.registry, owner.namespace);
  const [relayHost] = serviceHosts(names.relay, owner.namespace);
  const trust = caBundle === undefined ? {} : { caBundle };
  const { external } = spec;
  return [
    {
      type: 'Internal',
      registryURL: `https://${registryHost}:${PORTS.registry}`,
      relayURL: `wss://${relayHost}:${PORTS.relay}`,
      ...trust,
    },
    ...(external === undefined
      ? []
      : [
          {
            type: 'External' as const,
            registryURL: `https://${external.registryHostname}`,
            relayURL: `wss://${external.relayHostname}`,
            ...trust,
          },
        ]),
  ];
}

function stallOf(error: unknown): Stall | undefined {
  if (error instanceof Stalled) return error.stall;
  if (error instanceof NotOwnedError) return { reason: REASONS.NotOwned, message: error.message };
  if (error instanceof TicketKeysUnreadable) return { reason: REASONS.SecretInvalid, message: error.message };
  return undefined;
}
