import type {
  V1LabelSelector,
  V1NetworkPolicy,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyPeer,
} from '@kubernetes/client-node';
import { type Executor, LABELS, type LabelSelector } from '../../api/index.ts';
import { type Child, childMetadata, type Owner, selectorLabels } from '../children/child.ts';
import { PORTS } from '../children/ports.ts';
import { executorNames } from '../executor-pod/names.ts';
import { DNS } from './dns.ts';
import { metadataIn } from './metadata-addresses.ts';

type EgressRule = Executor['spec']['egress'][number];

export interface ExecutorPolicyInput {
  readonly owner: Owner;
  readonly egress: readonly EgressRule[];
  readonly relay: { readonly namespace: string; readonly name: string };
}

/**
 * What an executor's pod may reach: DNS, the registry and the relays that it belongs to, and what its spec lists. Nothing may reach it, but the
 * kubelet's probes, which policies do not concern. It selects by a label that templates cannot set.
 */
export function executorPolicy({ owner, egress, relay }: ExecutorPolicyInput): Child<V1NetworkPolicy> {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: childMetadata(owner, 'executor', executorNames(owner).networkPolicy),
    spec: {
      podSelector: { matchLabels: { [LABELS.executor]: owner.name } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: [DNS, ...relayRules(relay), ...egress.flatMap(listedRule)],
    },
  };
}

function relayRules({ namespace, name }: ExecutorPolicyInput['relay']): V1NetworkPolicyEgressRule[] {
  return (['registry', 'relay'] as const).map((component) => ({
    to: [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        podSelector: { matchLabels: selectorLabels({ kind: 'Relay', name }, component) },
      },
    ],
    ports: [{ protocol: 'TCP', port: PORTS[component] }],
  }));
}

/** No rule at all where nothing of the peer may be reached: a rule with an empty list of peers would open everything. */
function listedRule({ to, ports }: EgressRule): V1NetworkPolicyEgressRule[] {
  const peer = peerOf(to);
  if (peer === undefined) return [];
  const open = ports?.map(({ protocol, port, endPort }) => ({
    protocol,
    port,
    ...(endPort !== undefined && { endPort }),
  }));
  return [{ to: [peer], ...(open !== undefined && { ports: open }) }];
}

function peerOf(to: EgressRule['to']): V1NetworkPolicyPeer | undefined {
  switch (to.type) {
    case 'CIDR': {
      const { block, except = [] } = to.cidr;
      const metadata = metadataIn(block);
      if (metadata === 'all') return undefined;
      const closed = [...new Set([...except, ...metadata])];
      return { ipBlock: { cidr: block, ...(closed.length > 0 && { except: closed }) } };
    }
    case 'Pods': {
      const { namespaceSelector, podSelector } = to.pods;
      return {
        podSelector: asSelector(podSelector ?? {}),
        ...(namespaceSelector !== undefined && { namespaceSelector: asSelector(namespaceSelector) }),
      };
    }
    default:
      return to satisfies never;
  }
}

function asSelector({ matchLabels, matchExpressions }: LabelSelector): V1LabelSelector {
  return {
    ...(matchLabels !== undefined && { matchLabels }),
    ...(matchExpressions !== undefined && {
      matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
        key,
        operator,
        ...(values !== undefined && { values }),
      })),
    }),
  };
}
