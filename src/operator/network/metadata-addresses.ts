import { BlockList, isIPv6 } from 'node:net';

/** Where clouds answer with credentials of the node, or of pods. Never open, whatever is listed. */
const METADATA_NETWORKS = [
  '169.254.0.0/16', // link-local: nearly all of them
  'fe80::/10', // the same; also past every policy for IPv4 to the neighbours on a node
  'fd00:ec2::254/128', // AWS
  'fd00:ec2::23/128', // AWS, credentials of pods (EKS Pod Identity)
  'fd20:ce::254/128', // Google Cloud
  '168.63.129.16/32', // Azure: settings of the node, with its secrets
  '100.100.100.200/32', // Alibaba Cloud
  '192.0.0.192/32', // Oracle Cloud
];

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** The metadata networks inside this one, or `all` when it lies within one of them itself. */
export function metadataIn(block: string): string[] | 'all' {
  const asked = parse(block);
  const inside = METADATA_NETWORKS.filter((each) => contains(asked, parse(each)));
  return METADATA_NETWORKS.some((each) => contains(parse(each), asked)) ? 'all' : inside;
}

function contains(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const list = new BlockList();
  list.addSubnet(outer.address, outer.prefix, outer.family);
  return list.check(inner.address, inner.family);
}

function parse(block: string): Network {
  const [address = '', prefix = ''] = block.split('/');
  return { address, prefix: Number(prefix), family: isIPv6(address) ? 'ipv6' : 'ipv4' };
}
