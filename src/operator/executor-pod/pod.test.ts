import { describe, expect, it } from 'vitest';
import { readExecutor } from '../../api/index.ts';
import { withHash } from './hash.ts';
import { podName } from './names.ts';
import { executorPod, type PodInput } from './pod.ts';

const owner = { kind: 'Executor', name: 'build', namespace: 'team-a', uid: 'uid-1' } as const;
const settings = {
  image: 'noisefleet:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: ['pull'],
  logLevel: 'info',
  workspaceImage: 'debian:13',
} as const;

function podOf(spec: object = {}, change: Partial<PodInput> = {}) {
  const executor = readExecutor({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Executor',
    metadata: {
      name: 'build',
      namespace: 'team-a',
      uid: 'uid-1',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { relayRef: { name: 'main' }, ...spec },
  });
  return executorPod({
    owner,
    spec: executor.spec,
    settings,
    name: podName(owner, 1),
    environmentId: 'team-a_build',
    registryUrl: 'https://registry.agents.svc:8443',
    privateTrust: true,
    ...change,
  });
}

const SECRETS = ['noisefleet-keys', 'noisefleet-token', 'noisefleet-state'];
const template = (spec: object, metadata: object = {}) => ({
  template: { metadata, spec: { containers: [{ name: 'workspace', image: 'golang:1.26' }], ...spec } },
});
const containersOf = (pod: ReturnType<typeof podOf>) => [
  ...(pod.spec?.initContainers ?? []),
  ...(pod.spec?.containers ?? []),
];
const named = (pod: ReturnType<typeof podOf>, name: string) => containersOf(pod).find((each) => each.name === name);

describe('the pod of an executor', () => {
  it('mounts keys, token and state into the sidecar only', () => {
    const pod = podOf(template({ initContainers: [{ name: 'prepare', image: 'busybox' }] }));
    const holders = containersOf(pod).filter(({ volumeMounts }) =>
      (volumeMounts ?? []).some(({ name }) => SECRETS.includes(name)),
    );
    expect(holders.map(({ name }) => name)).toEqual(['noisefleet-sidecar']);
  });

  it('gives no container a token of the Kubernetes API, and one with the registry’s audience to the sidecar', () => {
    const { spec } = podOf();
    expect(spec?.automountServiceAccountToken).toBe(false);
    const tokens = (spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
    expect(tokens.map(({ serviceAccountToken }) => serviceAccountToken?.audience)).toEqual(['noisefleet-registry']);
  });

  it('shares no namespace of processes, and hands over the digest read-only', () => {
    const pod = podOf();
    expect(pod.spec).not.toHaveProperty('shareProcessNamespace');
    const mount = (name: string) =>
      named(pod, name)?.volumeMounts?.find((each) => each.name === 'noisefleet-hand-over');
    expect(mount('workspace')?.readOnly).toBe(true);
    expect(mount('noisefleet-sidecar')?.readOnly).toBeUndefined();
  });

  it('starts the sidecar before the workspace and after what the user prepares, and ends it last', () => {
    const pod = podOf(template({ initContainers: [{ name: 'prepare', image: 'busybox' }] }));
    expect(pod.spec?.initContainers?.map(({ name }) => name)).toEqual([
      'noisefleet-install',
      'prepare',
      'noisefleet-sidecar',
    ]);
    const sidecar = named(pod, 'noisefleet-sidecar');
    expect(sidecar?.restartPolicy).toBe('Always');
    expect(sidecar?.startupProbe?.httpGet?.path).toBe('/livez');
    expect(sidecar?.readinessProbe?.httpGet?.path).toBe('/readyz');
  });

  it('runs the exec-server in the user’s image by a Node that needs nothing of that image', () => {
    const workspace = named(podOf(template({})), 'workspace');
    expect(workspace?.image).toBe('golang:1.26');
    expect(workspace?.command?.slice(0, 5)).toEqual([
      '/noisefleet/loader',
      '--library-path',
      '/noisefleet/lib',
      '/noisefleet/node',
      '--disable-sigusr1',
    ]);
    expect(workspace?.command).toContain('exec-server');
    expect(workspace?.workingDir).toBe('/tmp/noisefleet');
  });

  it('runs a real Codex where it is asked for, from an image of its own or the user’s', () => {
    const own = podOf({ runtime: { type: 'Codex' } });
    expect(named(own, 'workspace')?.command?.slice(-2)).toEqual(['--program', 'codex']);
    const brought = podOf({ runtime: { type: 'Codex', codex: { image: 'codex:1' } } });
    expect(named(brought, 'noisefleet-install-codex')?.image).toBe('codex:1');
    expect(named(brought, 'workspace')?.command?.slice(-2)).toEqual(['--program', '/noisefleet/codex']);
    expect(named(brought, 'noisefleet-sidecar')?.args).toEqual(expect.arrayContaining(['--runtime', 'Codex']));
  });

  it('passes Pod Security restricted with a template that says nothing of it', () => {
    const pod = podOf(template({}));
    expect(pod.spec?.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.spec?.securityContext?.runAsUser).toBeGreaterThan(0);
    for (const { securityContext } of containersOf(pod)) {
      expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
    }
  });

  it('runs the sidecar as another user than the commands', () => {
    const pod = podOf();
    const sidecar = named(pod, 'noisefleet-sidecar')?.securityContext?.runAsUser;
    expect(sidecar).not.toBe(pod.spec?.securityContext?.runAsUser);
  });

  it('keeps what the template says of users, volumes and other containers', () => {
    const pod = podOf({
      template: {
        spec: {
          securityContext: { runAsUser: 1234 },
          nodeSelector: { disk: 'fast' },
          containers: [
            { name: 'workspace', image: 'golang:1.26', env: [{ name: 'A', value: 'b' }] },
            { name: 'db', image: 'postgres:18', command: ['postgres'] },
          ],
          volumes: [{ name: 'cache', emptyDir: {} }],
        },
      },
    });
    expect(pod.spec?.securityContext?.runAsUser).toBe(1234);
    expect(pod.spec?.nodeSelector).toEqual({ disk: 'fast' });
    expect(named(pod, 'db')).toEqual({ name: 'db', image: 'postgres:18', command: ['postgres'] });
    expect(named(pod, 'workspace')?.env).toEqual([{ name: 'A', value: 'b' }]);
    expect(pod.spec?.volumes?.[0]).toEqual({ name: 'cache', emptyDir: {} });
  });

  it('sets our labels after the user’s, so that nobody labels himself into another’s traffic', () => {
    const labels = { team: 'a', 'app.kubernetes.io/component': 'registry', 'app.kubernetes.io/managed-by': 'me' };
    const { metadata } = podOf(template({}, { labels }));
    expect(metadata.labels).toMatchObject({
      team: 'a',
      'app.kubernetes.io/component': 'executor',
      'app.kubernetes.io/managed-by': 'noisefleet-operator',
      'noisefleet.dev/executor': 'build',
    });
  });

  it('mounts a persistent workspace by its claim, and an ephemeral one from the node', () => {
    const volume = (spec: object) => podOf(spec).spec?.volumes?.find(({ name }) => name === 'noisefleet-workspace');
    expect(volume({})).toEqual({ name: 'noisefleet-workspace', emptyDir: {} });
    const persistent = volume({ workspace: { type: 'Persistent', persistent: { size: '1Gi' } } });
    expect(persistent?.persistentVolumeClaim?.claimName).toMatch(/^build-workspace-/);
  });

  it('gives commands a place for temporary files where the root is read-only, unless the user has one', () => {
    const mounts = (container: object, spec: object = {}) => {
      const pod = podOf({
        template: { spec: { containers: [{ name: 'workspace', image: 'golang:1.26', ...container }] } },
        ...spec,
      });
      return named(pod, 'workspace')?.volumeMounts?.filter(({ mountPath }) => mountPath === '/tmp');
    };
    const readOnly = { securityContext: { readOnlyRootFilesystem: true } };
    expect(mounts({})).toEqual([]);
    expect(mounts(readOnly)).toEqual([{ name: 'noisefleet-temporary', mountPath: '/tmp' }]);
    const own = [{ name: 'scratch', mountPath: '/tmp' }];
    expect(mounts({ ...readOnly, volumeMounts: own })).toEqual(own);
    expect(mounts(readOnly, { workspace: { type: 'Ephemeral', path: '/tmp' } })?.length).toBe(1);
  });

  it('trusts no bundle where the certificates are publicly trusted', () => {
    const sidecarArgs = (change: Partial<PodInput>) => named(podOf({}, change), 'noisefleet-sidecar')?.args;
    expect(sidecarArgs({})).toEqual(expect.arrayContaining(['--ca-file', '/etc/noisefleet/ca/ca.crt']));
    expect(sidecarArgs({ privateTrust: false })).not.toContain('--ca-file');
  });

  it('has a hash that changes with what it is made from and not with its name', () => {
    const hash = (spec: object, change: Partial<PodInput> = {}) => withHash(podOf(spec, change)).hash;
    expect(hash({})).toBe(hash({}, { name: podName(owner, 2) }));
    expect(hash({})).not.toBe(hash({ sandbox: { mode: 'Enforce' } }));
    expect(hash({})).not.toBe(hash({}, { settings: { ...settings, image: 'noisefleet:2' } }));
  });

  it('has another name for each attempt and for each executor of the same name', () => {
    const names = [podName(owner, 1), podName(owner, 2), podName({ ...owner, uid: 'uid-2' }, 1)];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^build-[0-9a-f]{10}$/);
  });
});
