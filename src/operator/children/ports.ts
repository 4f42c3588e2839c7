/** Where the parts listen inside their pods. Fixed: relays are known to each other by the address of their pod and this port. */
export const PORTS = {
  registry: 8443,
  relay: 8444,
  /** `/livez`, `/readyz`, `/metrics` of registry and relay. */
  admin: 9080,
  /** The same of an executor's sidecar, apart from ports that a user's containers may like. */
  sidecarAdmin: 9082,
  /** The exec-server, on the loopback that sidecar and workspace share. */
  execServer: 8090,
} as const;

/** Projected tokens are replaced by the kubelet at 80 % of this; the least that Kubernetes takes is 600. Seconds. */
export const TOKEN_SECONDS = 3600;
