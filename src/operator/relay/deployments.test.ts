import type { V1Deployment } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { readRelay } from '../../api/index.ts';
import { disruptionBudgets, networkPolicies, services } from './access.ts';
import { registryDeployment, relayDeployment } from './deployments.ts';
import { relayNames } from './names.ts';

const owner = { kind: 'Relay', name: 'main', namespace: 'agents', uid: 'uid-1' } as const;
const settings = {
  image: 'noisefleet:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  logLevel: 'info',
  registryServiceAccount: 'noisefleet-registry',
  operatorServiceAccount: 'noisefleet/noisefleet-operator',
} as const;

function inputOf(spec: object = {}) {
  const relay = readRelay({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Relay',
    metadata: {
      name: 'main',
      namespace: 'agents',
      uid: 'uid-1',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec,
  });
  return { owner, spec: relay.spec, settings, privateTrust: true };
}
const podOf = ({ spec }: V1Deployment) => spec?.template.spec;
const secretsOf = (deployment: V1Deployment) =>
  (podOf(deployment)?.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []);

describe('the Deployments of a Relay', () => {
  it('give relays no access to the Kubernetes API and no key that signs tickets', () => {
    const relay = relayDeployment(inputOf());
    expect(podOf(relay)?.automountServiceAccountToken).toBe(false);
    expect(secretsOf(relay)).toEqual([relayNames(owner).relayTls]);
    const tokens = (podOf(relay)?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
    expect(tokens.map(({ serviceAccountToken }) => serviceAccountToken?.audience)).toEqual(['noisefleet-presence']);
  });

  it('never mount the authority that signs certificates', () => {
    const { authority } = relayNames(owner);
    for (const each of [relayDeployment(inputOf()), registryDeployment(inputOf())]) {
      expect(secretsOf(each)).not.toContain(authority);
    }
  });

  it('have as many replicas as asked for, spread over nodes and zones', () => {
    const input = inputOf({ replicas: 3, registry: { replicas: 2 } });
    expect(relayDeployment(input).spec?.replicas).toBe(3);
    const registry = registryDeployment(input);
    expect(registry.spec?.replicas).toBe(2);
    expect(podOf(registry)?.topologySpreadConstraints).toMatchObject([
      { topologyKey: 'kubernetes.io/hostname', matchLabelKeys: ['pod-template-hash'] },
      { topologyKey: 'topology.kubernetes.io/zone', matchLabelKeys: ['pod-template-hash'] },
    ]);
  });

  it('bound the memory of each part, also of a Relay that says nothing about it', () => {
    const resourcesOf = (spec: object) =>
      [relayDeployment(inputOf(spec)), registryDeployment(inputOf(spec))].map(
        (each) => podOf(each)?.containers[0]?.resources,
      );
    expect(resourcesOf({})).toEqual([
      { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
      { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    ]);
    const limits = { cpu: '2', memory: '4Gi' };
    expect(resourcesOf({ resources: { limits } })[0]).toEqual({
      requests: { cpu: '100m', memory: '256Mi' },
      limits,
    });
    expect(resourcesOf({ registry: { resources: { limits } } })[1]?.limits).toEqual(limits);
  });

  it('give relays the time that their sessions need to find a quiet moment', () => {
    expect(podOf(relayDeployment(inputOf()))?.terminationGracePeriodSeconds).toBe(90);
  });

  it('pass Pod Security restricted', () => {
    for (const each of [relayDeployment(inputOf()), registryDeployment(inputOf())]) {
      expect(podOf(each)?.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(podOf(each)?.containers[0]?.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      });
    }
  });

  it('trust a bundle only where there is one', () => {
    for (const deployment of [relayDeployment, registryDeployment]) {
      const args = (privateTrust: boolean) => podOf(deployment({ ...inputOf(), privateTrust }))?.containers[0]?.args;
      expect(args(true)).toEqual(expect.arrayContaining(['--ca-file', '/etc/noisefleet/ca/ca.crt']));
      expect(args(false)).not.toContain('--ca-file');
    }
  });

  it('tell registries the external names only where there are some', () => {
    const args = (spec: object) => podOf(registryDeployment(inputOf(spec)))?.containers[0]?.args ?? [];
    expect(args({})).not.toContain('--external-relay-url');
    const external = { registryHostname: 'registry.example.com', relayHostname: 'relay.example.com' };
    expect(args({ external })).toEqual(expect.arrayContaining(['registry.example.com', 'wss://relay.example.com']));
  });

  it('are selected by labels that never change', () => {
    expect(relayDeployment(inputOf()).spec?.selector.matchLabels).toEqual({
      'app.kubernetes.io/component': 'relay',
      'noisefleet.dev/relay': 'main',
    });
  });
});

describe('the surroundings of a Relay', () => {
  it('let relays find registries that are not ready yet', () => {
    const peers = services(owner).find(({ spec }) => spec?.clusterIP === 'None');
    expect(peers?.spec?.publishNotReadyAddresses).toBe(true);
    expect(peers?.metadata.name).toBe(relayNames(owner).registryPeers);
  });

  it('have names of Services that begin with a letter whatever the Relay is called', () => {
    for (const { metadata } of services({ ...owner, name: '1st' })) expect(metadata.name).toMatch(/^[a-z]/);
  });

  it('have a budget for disruptions only where there is something to keep', () => {
    expect(disruptionBudgets(owner, { registry: 1, relay: 1 })).toEqual([]);
    const [budget] = disruptionBudgets(owner, { registry: 1, relay: 2 });
    expect(budget?.spec?.maxUnavailable).toBe(1);
    expect(budget?.spec?.selector?.matchLabels).toMatchObject({ 'app.kubernetes.io/component': 'relay' });
  });

  it('let relays reach DNS, registries and each other, and nothing else', () => {
    const policy = networkPolicies(owner).find(({ spec }) => spec?.policyTypes?.includes('Egress'));
    expect(policy?.spec?.egress).toHaveLength(3);
    for (const { to } of policy?.spec?.egress ?? []) expect(to?.length).toBe(1);
  });
});
