import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { templateProblems } from './problems.ts';

const workspace = { name: 'workspace', image: 'golang:1.26' };
const withSpec = (spec: object): V1PodTemplateSpec => ({ spec: { containers: [workspace], ...spec } });
const withVolume = (source: object) => withSpec({ volumes: [{ name: 'mine', ...source }] });
const withContainer = (fields: object) => withSpec({ containers: [{ ...workspace, ...fields }] });

describe('what a template must not hold', () => {
  it('is nothing of an ordinary one', () => {
    const ordinary: V1PodTemplateSpec = {
      metadata: { labels: { team: 'a', 'example.com/noisefleet.dev': 'x' } },
      spec: {
        serviceAccountName: 'builder',
        containers: [
          {
            ...workspace,
            env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'mine', key: 'token' } } }],
            volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
          },
          { name: 'database', image: 'postgres:18', command: ['postgres'] },
        ],
        volumes: [
          { name: 'cache', emptyDir: {} },
          {
            name: 'cloud',
            projected: { sources: [{ serviceAccountToken: { audience: 'sts.example.com', path: 't' } }] },
          },
        ],
      },
    };
    expect(templateProblems(ordinary)).toEqual([]);
  });

  it.each<[string, V1PodTemplateSpec, string]>([
    ['hostNetwork', withSpec({ hostNetwork: true }), 'spec.template.spec.hostNetwork'],
    ['hostPID', withSpec({ hostPID: true }), 'spec.template.spec.hostPID'],
    ['hostIPC', withSpec({ hostIPC: true }), 'spec.template.spec.hostIPC'],
    ['a shared process namespace', withSpec({ shareProcessNamespace: true }), 'shareProcessNamespace'],
    [
      'the ServiceAccount of registries',
      withSpec({ serviceAccountName: 'noisefleet-registry' }),
      'spec.template.spec.serviceAccountName is one of ours',
    ],
    [
      'the ServiceAccount of relays by its former field',
      withSpec({ serviceAccount: 'noisefleet-main-relay-1' }),
      'spec.template.spec.serviceAccount is one of ours',
    ],
    [
      'a file of our volume in the environment',
      withContainer({
        env: [{ name: 'T', valueFrom: { fileKeyRef: { volumeName: 'noisefleet-state', path: 't', key: 'T' } } }],
      }),
      'containers[0].env[0].valueFrom.fileKeyRef.volumeName mounts a volume of ours',
    ],
    ['a token of the API', withSpec({ automountServiceAccountToken: true }), 'automountServiceAccountToken'],
    [
      'our Secret as a volume',
      withVolume({ secret: { secretName: 'noisefleet-x-keys-1' } }),
      'volumes[0].secret.secretName',
    ],
    [
      'our Secret in a projection',
      withVolume({ projected: { sources: [{ configMap: { name: 'a' } }, { secret: { name: 'noisefleet-x' } }] } }),
      'volumes[0].projected.sources[1].secret.name',
    ],
    [
      'our Secret for a CSI driver',
      withVolume({ csi: { driver: 'd', nodePublishSecretRef: { name: 'noisefleet-x' } } }),
      'volumes[0].csi.nodePublishSecretRef',
    ],
    [
      'a token with our audience',
      withVolume({ projected: { sources: [{ serviceAccountToken: { audience: 'noisefleet-registry', path: 't' } }] } }),
      'projected.sources[0].serviceAccountToken.audience',
    ],
    [
      'our Secret for a flex volume',
      withVolume({ flexVolume: { driver: 'd', secretRef: { name: 'noisefleet-x' } } }),
      'volumes[0].flexVolume.secretRef.name',
    ],
    [
      'our Secret for an Azure share',
      withVolume({ azureFile: { shareName: 's', secretName: 'noisefleet-x' } }),
      'volumes[0].azureFile.secretName',
    ],
    ['our volume name', withSpec({ volumes: [{ name: 'noisefleet-keys', emptyDir: {} }] }), 'volumes[0].name'],
    [
      'our container name',
      withSpec({ containers: [workspace, { name: 'noisefleet-sidecar', image: 'i' }] }),
      'spec.template.spec.containers[1].name',
    ],
    [
      'our init container name',
      withSpec({ initContainers: [{ name: 'noisefleet-install', image: 'i' }] }),
      'spec.template.spec.initContainers[0].name',
    ],
    [
      'our volume in its own container',
      withContainer({ volumeMounts: [{ name: 'noisefleet-keys', mountPath: '/k' }] }),
      'containers[0].volumeMounts[0].name',
    ],
    [
      'our Secret in a variable',
      withContainer({ env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 'noisefleet-x', key: 'k1.json' } } }] }),
      'containers[0].env[0].valueFrom.secretKeyRef.name',
    ],
    [
      'our Secret in all variables',
      withContainer({ envFrom: [{ secretRef: { name: 'noisefleet-x' } }] }),
      'containers[0].envFrom[0].secretRef.name',
    ],
    ['a command of the workspace', withContainer({ args: ['sleep'] }), 'put preparations into an init container'],
    [
      'our labels',
      { metadata: { labels: { 'noisefleet.dev/executor': 'other' } }, ...withSpec({}) },
      'labels[noisefleet.dev/executor]',
    ],
    [
      'our annotations',
      { metadata: { annotations: { 'x.noisefleet.dev/a': '' } }, ...withSpec({}) },
      'annotations[x.noisefleet.dev/a]',
    ],
  ])('is %s', (_what, template, named) => {
    const problems = templateProblems(template);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(named);
  });
});
