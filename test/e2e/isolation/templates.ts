import { baseImage } from '../cluster-fixture.ts';

/** The Secret and the volumes that a thief would like to have, by the names that the operator gives them. */
const SECRET = 'noisefleet-build-keys-262a37c2b5';
const KEYS = { name: 'noisefleet-keys', mountPath: '/keys', readOnly: true };

/** A template that wants more than is its, and what it is told. */
export interface GreedyTemplate {
  readonly wants: string;
  readonly template: object;
  readonly told: RegExp;
}

/** Straight and round-about ways from a pod template to keys, tokens and identities of ours. A function: the image is known in a test only. */
export function greedyTemplates(): GreedyTemplate[] {
  const image = baseImage();
  const workspace = { name: 'workspace', image };
  const pod = (fields: object, container: object = {}) => ({
    spec: { containers: [{ ...workspace, ...container }], ...fields },
  });
  const volume = (source: object) => pod({ volumes: [{ name: 'mine', ...source }] });
  const token = (audience: string) =>
    volume({ projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] } });
  const init = (fields: object) => pod({ initContainers: [{ name: 'prepare', image, ...fields }] });
  const secretRef = { name: SECRET };
  return [
    {
      wants: 'our Secret as a volume',
      template: volume({ secret: { secretName: SECRET } }),
      told: /Secrets with names/,
    },
    {
      wants: 'our Secret among others',
      template: volume({ projected: { sources: [{ secret: secretRef }] } }),
      told: /Secrets with names/,
    },
    {
      wants: 'our Secret through a driver',
      template: volume({ csi: { driver: 'd.example.com', nodePublishSecretRef: secretRef } }),
      told: /Secrets with names/,
    },
    {
      wants: 'our Secret through a storage cluster',
      template: volume({ cephfs: { monitors: ['m'], secretRef } }),
      told: /cephfs\.secretRef\.name is a Secret of ours/,
    },
    {
      wants: 'a key of it in a variable',
      template: pod({}, { env: [{ name: 'K', valueFrom: { secretKeyRef: { name: SECRET, key: 'k1.json' } } }] }),
      told: /Secrets with names/,
    },
    {
      wants: 'all of it in the environment',
      template: pod({}, { envFrom: [{ secretRef }] }),
      told: /Secrets with names/,
    },
    { wants: 'it before the others start', template: init({ envFrom: [{ secretRef }] }), told: /Secrets with names/ },
    { wants: 'our volume with keys', template: pod({}, { volumeMounts: [KEYS] }), told: /volume names/ },
    {
      wants: 'one file of it, before the others start',
      template: init({ volumeMounts: [{ ...KEYS, subPath: 'k1.json' }] }),
      told: /volume names/,
    },
    {
      wants: 'our state in a variable',
      template: pod(
        {},
        { env: [{ name: 'T', valueFrom: { fileKeyRef: { volumeName: 'noisefleet-state', path: 't', key: 'T' } } }] },
      ),
      told: /volume names/,
    },
    {
      wants: 'to be our volume',
      template: pod({ volumes: [{ name: 'noisefleet-keys', emptyDir: {} }] }),
      told: /volume names/,
    },
    {
      wants: 'to be our container',
      template: pod({ initContainers: [{ name: 'noisefleet-sidecar', image }] }),
      told: /container names/,
    },
    {
      wants: 'a debugger beside the sidecar',
      template: pod({ ephemeralContainers: [{ name: 'debug', image, volumeMounts: [KEYS] }] }),
      told: /ephemeralContainers\[0\]\.volumeMounts\[0\]\.name mounts a volume of ours/,
    },
    { wants: 'a token that registers', template: token('noisefleet-registry'), told: /token audiences/ },
    { wants: 'a token of the operator’s audience', template: token('noisefleet-internal'), told: /token audiences/ },
    {
      wants: 'the rights of a registry',
      template: pod({ serviceAccountName: 'noisefleet-registry' }),
      told: /ServiceAccounts with names/,
    },
    {
      wants: 'a token of the API',
      template: pod({ automountServiceAccountToken: true }),
      told: /automountServiceAccountToken/,
    },
    {
      wants: 'the sidecar’s processes',
      template: pod({ shareProcessNamespace: true }),
      told: /shareProcessNamespace must not be true/,
    },
    {
      wants: 'to be selected as another',
      template: { metadata: { labels: { 'noisefleet.dev/executor': 'other' } }, ...pod({}) },
      told: /labels with the prefix/,
    },
    {
      wants: 'the node’s copy of all volumes',
      template: volume({ hostPath: { path: '/var/lib/kubelet/pods' } }),
      told: /violates PodSecurity "restricted:latest".*hostPath/,
    },
  ];
}
