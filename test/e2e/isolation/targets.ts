import { z } from 'zod';
import { cluster, type SuiteNamespace } from '../cluster-fixture.ts';
import { Kubectl } from '../kubectl.ts';
import { RELEASE } from '../product.ts';
import { ANSWERING_PORTS, METADATA_ADDRESSES } from './pods.ts';

/** What a probe tries to reach. */
export interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
}

const list = <Item extends z.ZodType>(item: Item) => z.looseObject({ items: z.array(item) });
const pods = list(z.looseObject({ status: z.looseObject({ podIP: z.string() }) }));
const nodes = list(
  z.looseObject({
    status: z.looseObject({ addresses: z.array(z.looseObject({ type: z.string(), address: z.string() })) }),
  }),
);
const service = z.looseObject({
  spec: z.looseObject({ clusterIP: z.string(), ports: z.array(z.looseObject({ port: z.number() })) }),
});
const endpoints = z.looseObject({
  subsets: z.array(
    z.looseObject({
      addresses: z.array(z.looseObject({ ip: z.string() })),
      ports: z.array(z.looseObject({ port: z.number() })),
    }),
  ),
});

/** The kubelet's own port. */
const KUBELET = 10_250;
/** Of the cluster's DNS, beside the port that answers for names. */
const DNS_READINESS = 8181;
const ADMIN = 9080;

/** Everything that a workspace has no business with, and that is there: a pod without a policy reaches each of them. */
export async function forbidden(front: SuiteNamespace, team: SuiteNamespace): Promise<Target[]> {
  const tcp = (name: string, host: string, port: number): Target => ({ name: `${name} ${host}:${port}`, host, port });
  const udp = (name: string, host: string, port: number): Target => ({
    name: `${name} ${host}:${port}/udp`,
    host,
    port,
    protocol: 'UDP',
  });
  const api = await apiServer();
  const neighbours = [
    ['a pod of the team', await addressOf(team.kubectl, 'app=neighbour')],
    ...(await linkLocal(team.kubectl, 'neighbour')).map(
      (host) => ['a pod of the team on the same link', host] as const,
    ),
    ['a pod beside the relay', await addressOf(front.kubectl, 'app=stranger')],
  ] as const;
  const system = new Kubectl(cluster(), 'kube-system');
  return [
    ...METADATA_ADDRESSES.flatMap((host) => [tcp('metadata', host, 80), udp('metadata', host, 80)]),
    ...api.map(({ host, port }) => tcp('API server', host, port)),
    ...(await nodeAddresses()).map((host) => tcp('kubelet', host, KUBELET)),
    ...neighbours.flatMap(([name, host]) =>
      ANSWERING_PORTS.flatMap((port) => [tcp(name, host, port), udp(name, host, port)]),
    ),
    tcp('admin port of the registry', await addressOf(front.kubectl, COMPONENT('registry')), ADMIN),
    tcp('admin port of the relay', await addressOf(front.kubectl, COMPONENT('relay')), ADMIN),
    tcp('operator', await addressOf(new Kubectl(cluster(), RELEASE), COMPONENT('operator')), ADMIN),
    tcp('DNS, another port', await addressOf(system, 'k8s-app=kube-dns'), DNS_READINESS),
  ];
}

const COMPONENT = (name: string) =>
  name === 'operator'
    ? 'app.kubernetes.io/component=operator'
    : `app.kubernetes.io/component=${name},noisefleet.dev/relay`;

/** The address of the first pod that a selector selects. */
export async function addressOf(kubectl: Kubectl, selector: string): Promise<string> {
  const { items } = pods.parse(await kubectl.get('pods', '--selector', selector));
  const [first] = items;
  if (first === undefined) throw new Error(`no pod is selected by ${selector}`);
  return first.status.podIP;
}

/** How pods of one node reach each other over IPv6 without an address of the cluster: policies for IPv4 do not hold it back. Nothing where the network plugin takes IPv6 away. */
async function linkLocal(kubectl: Kubectl, pod: string): Promise<string[]> {
  const table = await kubectl.run(['exec', pod, '--', 'cat', '/proc/net/if_inet6']);
  return [...table.matchAll(/^(fe80\w+) .* (eth0)$/gm)].map(
    ([, digits = '', link]) => `${digits.match(/.{4}/g)?.join(':')}%${link}`,
  );
}

/** The Service of the API server, and the server itself. */
async function apiServer(): Promise<{ host: string; port: number }[]> {
  const kubectl = new Kubectl(cluster(), 'default');
  const { spec } = service.parse(await kubectl.get('service', 'kubernetes'));
  const { subsets } = endpoints.parse(await kubectl.get('endpoints', 'kubernetes'));
  const real = subsets.flatMap(({ addresses, ports }) =>
    addresses.flatMap(({ ip }) => ports.map(({ port }) => ({ host: ip, port }))),
  );
  return [...spec.ports.map(({ port }) => ({ host: spec.clusterIP, port })), ...real];
}

async function nodeAddresses(): Promise<string[]> {
  const { items } = nodes.parse(await new Kubectl(cluster(), 'default').get('nodes'));
  return items.flatMap(({ status }) =>
    status.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
  );
}
