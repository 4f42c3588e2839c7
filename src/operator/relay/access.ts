import type { V1NetworkPolicy, V1PodDisruptionBudget, V1Service, V1ServiceAccount } from '@kubernetes/client-node';
import { type Child, childMetadata, type Owner, selectorLabels } from '../children/child.ts';
import { PORTS } from '../children/ports.ts';
import { DNS } from '../network/dns.ts';
import { relayNames } from './names.ts';

type Part = 'registry' | 'relay';
const PARTS = ['registry', 'relay'] as const;

/** The identity of the relays: it has no rights, it only tells registries whose pod a relay is. */
export function relayServiceAccount(owner: Owner): Child<V1ServiceAccount> {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: childMetadata(owner, 'relay', relayNames(owner).relayServiceAccount),
    automountServiceAccountToken: false,
  };
}

/** By which clients find a ready replica, and by which relays find every registry, ready or not. */
export function services(owner: Owner): Child<V1Service>[] {
  const names = relayNames(owner);
  const plain = PARTS.map(
    (part): Child<V1Service> => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: childMetadata(owner, part, names[part]),
      spec: {
        type: 'ClusterIP',
        selector: selectorLabels(owner, part),
        ports: [{ name: 'https', port: PORTS[part], targetPort: 'https', protocol: 'TCP' }],
      },
    }),
  );
  const peers: Child<V1Service> = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMetadata(owner, 'registry', names.registryPeers),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      // A registry becomes ready by what relays tell it: they must find it before (`our-side.md` §3).
      publishNotReadyAddresses: true,
      selector: selectorLabels(owner, 'registry'),
      ports: [{ name: 'https', port: PORTS.registry, targetPort: 'https', protocol: 'TCP' }],
    },
  };
  return [...plain, peers];
}

/** A drain takes one replica at a time. With a single one there is nothing to keep: a budget would only block the drain. */
export function disruptionBudgets(
  owner: Owner,
  replicas: Readonly<Record<Part, number>>,
): Child<V1PodDisruptionBudget>[] {
  return PARTS.filter((part) => replicas[part] > 1).map((part) => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: childMetadata(owner, part, relayNames(owner)[part]),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: selectorLabels(owner, part) },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  }));
}

/**
 * Who may reach what. Clients come from anywhere: tickets and tokens decide about them. Relays reach registries and each other and nothing
 * else; a registry needs the API server, whose address no policy can name portably.
 */
export function networkPolicies(owner: Owner): Child<V1NetworkPolicy>[] {
  const names = relayNames(owner);
  const tcp = (port: number) => ({ protocol: 'TCP', port });
  const podsOf = (part: Part) => ({ podSelector: { matchLabels: selectorLabels(owner, part) } });
  const ingress = (part: Part) => [{ ports: [tcp(PORTS[part]), tcp(PORTS.admin)] }];
  return [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: childMetadata(owner, 'registry', names.registry),
      spec: {
        podSelector: { matchLabels: selectorLabels(owner, 'registry') },
        policyTypes: ['Ingress'],
        ingress: ingress('registry'),
      },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: childMetadata(owner, 'relay', names.relay),
      spec: {
        podSelector: { matchLabels: selectorLabels(owner, 'relay') },
        policyTypes: ['Ingress', 'Egress'],
        ingress: ingress('relay'),
        egress: [
          DNS,
          { to: [podsOf('registry')], ports: [tcp(PORTS.registry)] },
          { to: [podsOf('relay')], ports: [tcp(PORTS.relay)] },
        ],
      },
    },
  ];
}
