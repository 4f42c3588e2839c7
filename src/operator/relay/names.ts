import { childName, secretName } from '../../api/index.ts';

/** The children of one Relay, by what they are for. */
export interface RelayNames {
  /** Deployment, Service, PodDisruptionBudget and NetworkPolicy of the registry. */
  readonly registry: string;
  /** Headless Service of the registry by which relays find every replica. */
  readonly registryPeers: string;
  /** ServiceAccount and the same four of the relays. */
  readonly relay: string;
  readonly relayServiceAccount: string;
  readonly ticketKeys: string;
  /** Secret with the authorities that sign; never mounted. */
  readonly authority: string;
  /** ConfigMap with the bundle that clients trust. */
  readonly bundle: string;
  /** Secrets with the serving certificates. */
  readonly registryTls: string;
  readonly relayTls: string;
}

export function relayNames(relay: { readonly name: string }): RelayNames {
  const owner = { kind: 'Relay', name: relay.name };
  // The name of a Service begins with a letter (RFC 1035), that of a Relay may begin with a digit (RFC 1123).
  const forServices = /^[a-z]/.test(relay.name) ? childName : secretName;
  return {
    registry: forServices(owner, 'registry'),
    registryPeers: forServices(owner, 'peers'),
    relay: forServices(owner, 'relay'),
    // Of the names that a pod template may not use: whoever runs as a relay may report as one.
    relayServiceAccount: secretName(owner, 'relay'),
    ticketKeys: secretName(owner, 'ticket-keys'),
    authority: secretName(owner, 'authority'),
    bundle: childName(owner, 'bundle'),
    registryTls: secretName(owner, 'registry-tls'),
    relayTls: secretName(owner, 'relay-tls'),
  };
}

/** Host names inside the cluster: the shortest that every namespace resolves, and the longer form that some clients insist on. */
export function serviceHosts(service: string, namespace: string): [string, string] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
}
