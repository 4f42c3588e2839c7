import type { V1Container, V1Pod, V1PodSpec, V1PodTemplateSpec, V1Volume } from '@kubernetes/client-node';
import { AUDIENCES, type Executor, WORKSPACE_CONTAINER } from '../../api/index.ts';
import { type Child, childLabels, childMetadata, type Owner } from '../children/child.ts';
import type { ImageSettings } from '../children/image-settings.ts';
import { PORTS, TOKEN_SECONDS } from '../children/ports.ts';
import { GROUP_READABLE, OUR_USER, RESTRICTED_CONTAINER, WORKSPACE_USER } from '../children/security.ts';
import { executorNames } from './names.ts';
import { CONTAINERS, PATHS, SIDECAR_COMMAND, VOLUMES } from './places.ts';
import { withTools, workspaceCommand } from './workspace-command.ts';

export interface PodInput {
  readonly owner: Owner;
  readonly spec: Executor['spec'];
  readonly name: string;
  readonly environmentId: string;
  readonly registryUrl: string;
  /** Whether the Relay's certificates are trusted by a bundle of its own, and not by everybody anyway. */
  readonly privateTrust: boolean;
  readonly settings: ImageSettings & {
    /** What the workspace container runs in when the executor has no template. */
    readonly workspaceImage: string;
  };
}

/**
 * The pod of an executor: the user's template, merged with
 * an init container that puts our exec-server (or nothing, for an image that brings Codex) where the workspace finds it;
 * the sidecar, a native one, so that it is up before the first command and ends after the last;
 * and the workspace container, which gets the digest of the exec-server's token and none of our secrets.
 */
export function executorPod(input: PodInput): Child<V1Pod> {
  const { owner, spec, name } = input;
  const template = templateOf(input);
  const base = childMetadata(owner, 'executor', name);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...base,
      // Ours last: nobody labels himself into another's traffic (conventions 9).
      labels: { ...template.metadata?.labels, ...childLabels(owner, 'executor') },
      annotations: {
        'kubectl.kubernetes.io/default-container': WORKSPACE_CONTAINER,
        ...template.metadata?.annotations,
      },
    },
    spec: podSpec(input, template, spec),
  };
}

function templateOf({ spec, settings }: PodInput): V1PodTemplateSpec {
  if (spec.template !== undefined) return asPodTemplate(spec.template);
  return { spec: { containers: [{ name: WORKSPACE_CONTAINER, image: settings.workspaceImage }] } };
}

/** The parser's edge: our schema keeps what it does not know of a template, and the API server judges it as a pod. */
export function asPodTemplate(template: NonNullable<Executor['spec']['template']>): V1PodTemplateSpec {
  const kept: unknown = template;
  return kept as V1PodTemplateSpec;
}

function podSpec(input: PodInput, { spec: user }: V1PodTemplateSpec, spec: Executor['spec']): V1PodSpec {
  const { settings, owner } = input;
  const containers = user?.containers ?? [];
  return {
    ...user,
    restartPolicy: 'Always', // a container that ends is started again in its pod: sessions outlive it
    automountServiceAccountToken: false,
    enableServiceLinks: user?.enableServiceLinks ?? false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: WORKSPACE_USER,
      runAsGroup: WORKSPACE_USER,
      fsGroup: WORKSPACE_USER,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
      ...user?.securityContext,
    },
    imagePullSecrets: [...(user?.imagePullSecrets ?? []), ...settings.imagePullSecrets.map((name) => ({ name }))],
    initContainers: [...installers(input), ...(user?.initContainers ?? []), sidecar(input)],
    containers: containers.map((each) => (each.name === WORKSPACE_CONTAINER ? workspace(each, spec) : each)),
    volumes: [
      ...(user?.volumes ?? []),
      ...ourVolumes(owner, spec),
      ...(containers.some((each) => lacksTemporary(each, spec)) ? [{ name: VOLUMES.temporary, emptyDir: {} }] : []),
    ],
  };
}

/** Puts Node with its loader and libraries, and the exec-server, into a volume: the user's image need not even have a libc. */
function installers({ settings, spec }: PodInput): V1Container[] {
  const common = {
    imagePullPolicy: settings.imagePullPolicy,
    resources: { requests: { cpu: '10m', memory: '32Mi' } },
    securityContext: RESTRICTED_CONTAINER,
    volumeMounts: [{ name: VOLUMES.tools, mountPath: PATHS.tools }],
  };
  const install: V1Container = {
    ...common,
    name: CONTAINERS.install,
    image: settings.image,
    args: ['install-exec-server', '--to', PATHS.tools],
  };
  const codex = spec.runtime.type === 'Codex' ? spec.runtime.codex.image : undefined;
  if (codex === undefined) return [install];
  // Runs in the image that brings Codex, by the tools that the first one has put there.
  const installCodex: V1Container = {
    ...common,
    name: CONTAINERS.installCodex,
    image: codex,
    command: withTools(['install-program', 'codex', '--to', PATHS.codex]),
  };
  return [install, installCodex];
}

function sidecar({ spec, environmentId, registryUrl, privateTrust, settings }: PodInput): V1Container {
  return {
    name: CONTAINERS.sidecar,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    command: [...SIDECAR_COMMAND],
    args: [
      'executor',
      ...['--environment-id', environmentId, '--runtime', spec.runtime.type],
      ...['--sandbox', spec.sandbox.mode === 'Enforce' ? 'enforce' : 'container'],
      ...['--registry-url', registryUrl, ...(privateTrust ? ['--ca-file', `${PATHS.bundle}/ca.crt`] : [])],
      ...['--token-file', `${PATHS.token}/token`, '--keys-dir', PATHS.keys, '--keys-group-readable'],
      ...['--state-dir', `${PATHS.state}/sidecar`, '--exec-server-url', `ws://127.0.0.1:${PORTS.execServer}`],
      ...['--exec-server-digest-file', `${PATHS.handOver}/exec-server-token.sha256`],
      ...['--admin-listen', `0.0.0.0:${PORTS.sidecarAdmin}`, '--log-level', settings.logLevel],
    ],
    ports: [{ name: 'nf-admin', containerPort: PORTS.sidecarAdmin }],
    // Started is "the process is up", so that a registry that is away does not keep the workspace from starting; ready is "registered".
    startupProbe: { httpGet: { path: '/livez', port: 'nf-admin' }, periodSeconds: 1, failureThreshold: 120 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'nf-admin' }, periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: {
      httpGet: { path: '/livez', port: 'nf-admin' },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    resources: { requests: { cpu: '20m', memory: '64Mi' } },
    // A user of its own, and a group that may read the Secret: the pod's fsGroup comes on top of these.
    securityContext: { ...RESTRICTED_CONTAINER, runAsUser: OUR_USER, runAsGroup: OUR_USER },
    volumeMounts: [
      { name: VOLUMES.keys, mountPath: PATHS.keys, readOnly: true },
      { name: VOLUMES.token, mountPath: PATHS.token, readOnly: true },
      { name: VOLUMES.bundle, mountPath: PATHS.bundle, readOnly: true },
      { name: VOLUMES.state, mountPath: PATHS.state },
      { name: VOLUMES.handOver, mountPath: PATHS.handOver },
    ],
  };
}

function workspace(container: V1Container, spec: Executor['spec']): V1Container {
  const { path } = spec.workspace;
  return {
    ...container,
    command: workspaceCommand(spec),
    workingDir: container.workingDir ?? path,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      ...container.securityContext,
    },
    volumeMounts: [
      ...(container.volumeMounts ?? []),
      ...((container.volumeMounts ?? []).some(({ mountPath }) => mountPath === path)
        ? [] // the user's own volume is the workspace then
        : [{ name: VOLUMES.workspace, mountPath: path }]),
      { name: VOLUMES.tools, mountPath: PATHS.tools, readOnly: true },
      { name: VOLUMES.handOver, mountPath: PATHS.handOver, readOnly: true },
      { name: VOLUMES.spill, mountPath: PATHS.spill },
      ...(lacksTemporary(container, spec) ? [{ name: VOLUMES.temporary, mountPath: PATHS.temporary }] : []),
    ],
  };
}

/** A read-only root leaves commands no place for temporary files, and few work without: they get one unless the user has thought of it. */
function lacksTemporary({ name, securityContext, volumeMounts = [] }: V1Container, spec: Executor['spec']): boolean {
  if (name !== WORKSPACE_CONTAINER || securityContext?.readOnlyRootFilesystem !== true) return false;
  return ![spec.workspace.path, ...volumeMounts.map(({ mountPath }) => mountPath)].includes(PATHS.temporary);
}

function ourVolumes(owner: Owner, { workspace: { type } }: Executor['spec']): V1Volume[] {
  const names = executorNames(owner);
  return [
    { name: VOLUMES.tools, emptyDir: {} },
    { name: VOLUMES.keys, secret: { secretName: names.keys, defaultMode: GROUP_READABLE } },
    { name: VOLUMES.bundle, configMap: { name: names.bundle } },
    {
      name: VOLUMES.token,
      projected: {
        defaultMode: GROUP_READABLE,
        sources: [
          { serviceAccountToken: { audience: AUDIENCES.registry, expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        ],
      },
    },
    // In memory: it holds the exec-server's token and the session table.
    { name: VOLUMES.state, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
    { name: VOLUMES.handOver, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: VOLUMES.spill, emptyDir: {} },
    type === 'Persistent'
      ? { name: VOLUMES.workspace, persistentVolumeClaim: { claimName: names.workspace } }
      : { name: VOLUMES.workspace, emptyDir: {} },
  ];
}
