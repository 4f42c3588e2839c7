import type { V1Container, V1Deployment, V1PodSpec, V1ResourceRequirements, V1Volume } from '@kubernetes/client-node';
import { AUDIENCES, type Relay } from '../../api/index.ts';
import { type Child, childLabels, childMetadata, type Owner, selectorLabels } from '../children/child.ts';
import type { ImageSettings } from '../children/image-settings.ts';
import { PORTS, TOKEN_SECONDS } from '../children/ports.ts';
import { GROUP_READABLE, RESTRICTED_CONTAINER, RESTRICTED_POD } from '../children/security.ts';
import { type RelayNames, relayNames, serviceHosts } from './names.ts';

/**
 * A relay waits up to 60 s for a quiet moment of each session and takes 10 s to close the rest (`our-side.md` §10); before that the withdrawal
 * below, after that some slack. Seconds.
 */
const RELAY_GRACE_SECONDS = 90;
/** A registry answers at once who waits for an executor, and takes at most 3 s for the rest. Seconds. */
const REGISTRY_GRACE_SECONDS = 30;
/**
 * Endpoints take a moment to be withdrawn: a pod that is asked to end goes on accepting for so long. Seconds. Measured: with 3 s a rolling
 * update of three loses no request.
 */
const WITHDRAWAL_SECONDS = 3;

const PATHS = {
  tls: '/etc/noisefleet/tls',
  bundle: '/etc/noisefleet/ca',
  ticketKeys: '/etc/noisefleet/ticket-keys',
  presence: '/var/run/secrets/noisefleet/presence',
  spool: '/tmp',
} as const;

/** Who is who among our own processes. */
export interface RelaySettings {
  /** ServiceAccount of registries: made and given its rights by whoever installed the product, in each namespace of a Relay. */
  readonly registryServiceAccount: string;
  /** `NAMESPACE/NAME` of the operator's own, the only one that the registry's internal API answers. */
  readonly operatorServiceAccount: string;
}

export interface RelayDeploymentsInput {
  readonly owner: Owner;
  readonly spec: Relay['spec'];
  readonly settings: ImageSettings & RelaySettings;
  /** The Secret of the serving certificates, when the user brought one for both. */
  readonly userTlsSecret?: string;
  /** Whether the certificates are trusted by a bundle of the Relay's own, and not by everybody anyway. */
  readonly privateTrust: boolean;
}

/** The Deployment of the registry: it watches our kinds, answers from memory and signs tickets. */
export function registryDeployment(input: RelayDeploymentsInput): Child<V1Deployment> {
  const { owner, spec } = input;
  const names = relayNames(owner);
  const [relayHost] = serviceHosts(names.relay, owner.namespace);
  const container: V1Container = {
    ...commonContainer(input, 'registry', spec.registry.resources),
    args: [
      'registry',
      ...['--listen', `0.0.0.0:${PORTS.registry}`, '--admin-listen', `0.0.0.0:${PORTS.admin}`],
      ...['--relay-ref', `${owner.namespace}/${owner.name}`],
      ...['--relay-url', `wss://${relayHost}:${PORTS.relay}`],
      ...externalArguments(spec.external),
      ...['--operator-service-account', input.settings.operatorServiceAccount],
      ...['--ticket-keys-file', `${PATHS.ticketKeys}/ticket-keys.json`, '--tls-dir', PATHS.tls],
      ...trustArguments(input),
      ...['--log-level', input.settings.logLevel],
    ],
    volumeMounts: [
      { name: 'tls', mountPath: PATHS.tls, readOnly: true },
      { name: 'bundle', mountPath: PATHS.bundle, readOnly: true },
      { name: 'ticket-keys', mountPath: PATHS.ticketKeys, readOnly: true },
      { name: 'tmp', mountPath: PATHS.spool },
    ],
  };
  return deployment(input, 'registry', {
    replicas: spec.registry.replicas,
    container,
    graceSeconds: REGISTRY_GRACE_SECONDS,
    serviceAccountName: input.settings.registryServiceAccount,
    needsApi: true,
    volumes: [
      secretVolume('tls', input.userTlsSecret ?? names.registryTls),
      { name: 'bundle', configMap: { name: names.bundle } },
      secretVolume('ticket-keys', names.ticketKeys),
    ],
  });
}

/** The Deployment of the relays: no access to the Kubernetes API, nothing that opens a frame. */
export function relayDeployment(input: RelayDeploymentsInput): Child<V1Deployment> {
  const { owner, spec } = input;
  const names = relayNames(owner);
  const [peers] = serviceHosts(names.registryPeers, owner.namespace);
  const container: V1Container = {
    ...commonContainer(input, 'relay', spec.resources),
    args: [
      'relay',
      ...['--listen', `0.0.0.0:${PORTS.relay}`, '--admin-listen', `0.0.0.0:${PORTS.admin}`],
      ...['--registry-url', `https://${peers}:${PORTS.registry}`],
      ...['--presence-secret-file', `${PATHS.presence}/token`],
      ...trustArguments(input),
      ...['--tls-dir', PATHS.tls, '--control-socket', `${PATHS.spool}/noisefleet-relay/control.sock`],
      ...['--log-level', input.settings.logLevel],
    ],
    volumeMounts: [
      { name: 'tls', mountPath: PATHS.tls, readOnly: true },
      { name: 'bundle', mountPath: PATHS.bundle, readOnly: true },
      { name: 'presence', mountPath: PATHS.presence, readOnly: true },
      { name: 'tmp', mountPath: PATHS.spool },
    ],
  };
  return deployment(input, 'relay', {
    replicas: spec.replicas,
    container,
    graceSeconds: RELAY_GRACE_SECONDS,
    serviceAccountName: names.relayServiceAccount,
    needsApi: false,
    volumes: [
      secretVolume('tls', input.userTlsSecret ?? names.relayTls),
      { name: 'bundle', configMap: { name: names.bundle } },
      {
        name: 'presence',
        projected: {
          defaultMode: GROUP_READABLE,
          sources: [
            { serviceAccountToken: { audience: AUDIENCES.presence, expirationSeconds: TOKEN_SECONDS, path: 'token' } },
          ],
        },
      },
    ],
  });
}

interface DeploymentParts {
  readonly replicas: number;
  readonly container: V1Container;
  readonly graceSeconds: number;
  readonly serviceAccountName: string;
  readonly needsApi: boolean;
  readonly volumes: V1Volume[];
}

function deployment(
  input: RelayDeploymentsInput,
  component: 'registry' | 'relay',
  parts: DeploymentParts,
): Child<V1Deployment> {
  const { owner } = input;
  const matchLabels = selectorLabels(owner, component);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: childMetadata(owner, component, nameOf(relayNames(owner), component)),
    spec: {
      replicas: parts.replicas,
      selector: { matchLabels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: childLabels(owner, component) },
        spec: podSpec(input, component, parts),
      },
    },
  };
}

function podSpec(
  { owner, settings }: RelayDeploymentsInput,
  component: 'registry' | 'relay',
  { container, graceSeconds, serviceAccountName, needsApi, volumes }: DeploymentParts,
): V1PodSpec {
  const labelSelector = { matchLabels: selectorLabels(owner, component) };
  return {
    serviceAccountName,
    automountServiceAccountToken: needsApi,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSeconds,
    securityContext: RESTRICTED_POD,
    ...(settings.imagePullSecrets.length > 0 && {
      imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })),
    }),
    // Two replicas on one node or in one zone fall together; a cluster of one node still takes both. Those of one template are spread among
    // themselves: with the old ones counted, the last of a rolling update would all be on one node.
    topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
      topologyKey,
      maxSkew: 1,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector,
      matchLabelKeys: ['pod-template-hash'],
    })),
    containers: [container],
    volumes: [...volumes, { name: 'tmp', emptyDir: {} }],
  };
}

function commonContainer(
  { settings }: RelayDeploymentsInput,
  component: 'registry' | 'relay',
  resources: Relay['spec']['resources'],
): V1Container {
  return {
    name: component,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    ports: [
      { name: 'https', containerPort: PORTS[component] },
      { name: 'admin', containerPort: PORTS.admin },
    ],
    readinessProbe: { httpGet: { path: '/readyz', port: 'admin' }, periodSeconds: 2, failureThreshold: 2 },
    // Only a stuck loop fails it, and then only for a while: half a minute of garbage collection is no reason to end sessions.
    livenessProbe: {
      httpGet: { path: '/livez', port: 'admin' },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    startupProbe: { httpGet: { path: '/livez', port: 'admin' }, periodSeconds: 1, failureThreshold: 60 },
    lifecycle: { preStop: { sleep: { seconds: WITHDRAWAL_SECONDS } } },
    resources: resourcesOf(resources),
    securityContext: RESTRICTED_CONTAINER,
  };
}

function resourcesOf({ requests, limits: { cpu, memory } }: Relay['spec']['resources']): V1ResourceRequirements {
  return { requests, limits: { memory, ...(cpu !== undefined && { cpu }) } };
}

function nameOf(names: RelayNames, component: 'registry' | 'relay'): string {
  return component === 'registry' ? names.registry : names.relay;
}

function secretVolume(name: string, secretName: string): V1Volume {
  return { name, secret: { secretName, defaultMode: GROUP_READABLE } };
}

/** Relays trust registries and each other; registries trust the relays that they probe. */
function trustArguments({ privateTrust }: RelayDeploymentsInput): string[] {
  return privateTrust ? ['--ca-file', `${PATHS.bundle}/ca.crt`] : [];
}

function externalArguments(external: Relay['spec']['external']): string[] {
  if (external === undefined) return [];
  return [
    '--external-registry-host',
    external.registryHostname,
    '--external-relay-url',
    `wss://${external.relayHostname}`,
  ];
}
