import { z } from 'zod';
import type { Kubectl } from './kubectl.ts';
import { PRODUCT_IMAGE } from './product-image.ts';

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
  /** The product's unless given: then our program is brought into it, as `OUR_PROGRAM`. It has a shell. */
  readonly image?: string;
  /** The product's own image, where it is not that of the tests. */
  readonly productImage?: string;
  /** The node that it shall be on; any unless given. */
  readonly node?: string;
  /** CPU that is set aside for it: one that measures must not wait behind all others. */
  readonly cpu?: string;
  /** Text files below `/files`. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Our program in a client Pod of another image: the command of its Node, and its main file. */
export const OUR_PROGRAM = {
  node: ['/noisefleet/loader', '--library-path', '/noisefleet/lib', '/noisefleet/node'],
  main: '/noisefleet/app/main.js',
} as const;

const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/** What a CI job is: a Pod with a ServiceAccount, a token for the registry, the CA of the relay, and no other right. It sleeps. */
export function clientPod(options: ClientPodOptions, { caBundle }: RelayAddress) {
  const { name, serviceAccount, productImage = PRODUCT_IMAGE, image = productImage, node, cpu, files = {} } = options;
  const token = { serviceAccountToken: { audience: 'noisefleet-connect', path: 'token', expirationSeconds: 600 } };
  const configMap = (suffix: string, data: Readonly<Record<string, string>>) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${name}-${suffix}` },
    data,
  });
  const program = { name: 'program', mountPath: '/noisefleet' };
  const install = ['install-exec-server', '--to', program.mountPath];
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      ...(node !== undefined && { nodeSelector: onNode(node) }),
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      initContainers: [
        { name: 'install', image: productImage, args: install, securityContext: RESTRICTED, volumeMounts: [program] },
      ],
      containers: [
        {
          name: 'main',
          image,
          command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'],
          securityContext: RESTRICTED,
          ...(cpu !== undefined && { resources: { requests: { cpu } } }),
          volumeMounts: [
            program,
            { name: 'token', mountPath: '/token' },
            { name: 'ca', mountPath: '/ca' },
            { name: 'files', mountPath: '/files' },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: program.name, emptyDir: {} },
        { name: 'token', projected: { sources: [token] } },
        { name: 'ca', configMap: { name: `${name}-ca` } },
        { name: 'files', configMap: { name: `${name}-files` } },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
  // Without an image of its own it has the program already.
  if (options.image === undefined) pod.spec.initContainers = [];
  return [configMap('ca', { 'ca.pem': caBundle }), configMap('files', files), pod] as const;
}

/** A `nodeSelector`. */
export function onNode(node: string) {
  return { 'kubernetes.io/hostname': node };
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
export function connectionFlags({ registryURL }: RelayAddress): readonly string[] {
  return ['--registry', registryURL, '--token-file', '/token/token', '--ca-file', '/ca/ca.pem'];
}
