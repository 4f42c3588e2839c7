import { BlockList, isIPv6 } from 'node:net';

/** Where clouds answer with credentials of the node: link-local addresses, and AWS's own over IPv6. Never open, whatever is listed. */
const METADATA_NETWORKS = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'];

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
