import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';
import { PRODUCT_IMAGE } from './product.ts';

/** What a command in a Pod may take on a machine that is busy. */
const COMMAND_SECONDS = 120;

const relay = z.looseObject({
  status: z.looseObject({
    addresses: z.array(z.looseObject({ registryURL: z.string(), caBundle: z.string() })).min(1),
  }),
});

/** Where a Relay answers inside the cluster, and whom to trust there. */
export interface RelayAddress {
  readonly registryURL: string;
  readonly caBundle: string;
}

/** Of a Relay that is Ready. `kubectl`: of its namespace. */
export async function relayAddress(kubectl: Kubectl, name = 'main'): Promise<RelayAddress> {
  const [address] = relay.parse(await kubectl.get('relay', name)).status.addresses;
  if (address === undefined) throw new Error('a Relay that is Ready has an address');
  return address;
}

export interface ClientPodOptions {
  readonly name: string;
  /** Of the Pod's namespace; whom grants name. */
  readonly serviceAccount: string;
  /** The product's image unless given: then one that has it below `/app`, and `node` and `sh` on its PATH. */
  readonly image?: string;
}

/** What a CI job is: a Pod with a ServiceAccount, a token for the registry, the CA of the relay, and no other right. It sleeps. */
export function clientPod(
  { name, serviceAccount, image = PRODUCT_IMAGE }: ClientPodOptions,
  { caBundle }: RelayAddress,
) {
  const token = { serviceAccountToken: { audience: 'noisefleet-connect', path: 'token', expirationSeconds: 600 } };
  const ca = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-ca` }, data: { 'ca.pem': caBundle } };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'main',
          image,
          command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [
            { name: 'token', mountPath: '/token' },
            { name: 'ca', mountPath: '/ca' },
          ],
        },
      ],
      volumes: [
        { name: 'token', projected: { sources: [token] } },
        { name: 'ca', configMap: { name: ca.metadata.name } },
      ],
    },
  };
  return [ca, pod] as const;
}

/** `noisefleet COMMAND [connection flags] REST` in a client Pod. @returns what it printed */
export async function noisefleetIn(
  kubectl: Kubectl,
  pod: string,
  address: RelayAddress,
  [command = '', ...rest]: readonly string[],
): Promise<string> {
  const exec = ['exec', pod, '--', 'node', '/app/main.js', command, ...connectionFlags(address), ...rest];
  return kubectl.run(exec, { seconds: COMMAND_SECONDS });
}

/** A shell script in a client Pod, in which `noisefleet COMMAND REST` has its connection flags. @returns what it printed */
export async function shellIn(kubectl: Kubectl, pod: string, address: RelayAddress, script: string): Promise<string> {
  const noisefleet = `noisefleet() { c=$1; shift; node /app/main.js "$c" ${connectionFlags(address).join(' ')} "$@"; }`;
  return kubectl.run(['exec', pod, '--', 'sh', '-euc', `${noisefleet}\n${script}`], { seconds: COMMAND_SECONDS });
}

/** For the program in a client Pod. */
function connectionFlags({ registryURL }: RelayAddress): readonly string[] {
  return ['--registry', registryURL, '--token-file', '/token/token', '--ca-file', '/ca/ca.pem'];
}
