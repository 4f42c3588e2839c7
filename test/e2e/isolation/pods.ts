import { baseImage } from '../cluster-fixture.ts';
import { probeCommand } from './in-container.ts';

/** Where pods that stand for others answer: ports of ours too, which policies may open for the wrong one. */
export const ANSWERING_PORTS = [8080, 8443, 8444, 9080] as const;

const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/** A pod that no policy selects: it answers whoever reaches it, and reaches whatever can be reached. */
export function neighbour(name: string, serviceAccountName = 'default') {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      serviceAccountName,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'main',
          image: baseImage(),
          command: probeCommand('answering', { hosts: ['::'], ports: ANSWERING_PORTS }),
          readinessProbe: { tcpSocket: { port: ANSWERING_PORTS[0] }, periodSeconds: 1 },
          securityContext: RESTRICTED,
        },
      ],
    },
  };
}

/** Where clouds have their metadata services; `src/operator/network` has the whole list. */
export const METADATA_ADDRESSES = [
  '169.254.169.254',
  '169.254.170.2',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
];

const ADD_ADDRESSES = METADATA_ADDRESSES.map((each) => `busybox ip addr add ${each}/32 dev lo`).join('; ');
const REMOVE_ADDRESSES = METADATA_ADDRESSES.map((each) => `busybox ip addr del ${each}/32 dev lo`).join('; ');

/** A node as a cloud has it: something answers on the metadata addresses, so that what is closed is closed by a policy. */
export function metadataService(name: string) {
  const answering = probeCommand('answering', { hosts: METADATA_ADDRESSES, ports: [80] });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: baseImage(),
          command: ['sh', '-c', `${ADD_ADDRESSES}; exec "$@"`, 'sh', ...answering],
          // The addresses were the node's for the time of the test only.
          lifecycle: { preStop: { exec: { command: ['sh', '-c', REMOVE_ADDRESSES] } } },
          readinessProbe: { tcpSocket: { host: METADATA_ADDRESSES[0], port: 80 }, periodSeconds: 1 },
          securityContext: { runAsUser: 0, capabilities: { add: ['NET_ADMIN'] } },
        },
      ],
    },
  };
}
