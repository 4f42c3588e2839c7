import type { V1NetworkPolicyEgressRule } from '@kubernetes/client-node';

/** Names are resolved by the cluster's own DNS, wherever the distribution puts it: kube-system, under the label that all of them keep. */
export const DNS: V1NetworkPolicyEgressRule = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};
