import { BlockList, isIPv4 } from 'node:net';
import { z } from 'zod';
import { dnsLabel, fields, list, oneOf, text, union, wholeNumber } from '../schema/fields.ts';
import { ruled } from '../schema/rules.ts';
import { labelSelector } from '../schema/selector.ts';

const MAX_RULES = 32;
const MAX_PORTS = 16;
const MAX_EXCEPT = 16;
/** Characters of the longest IPv6 network. */
const MAX_CIDR = 43;

const CIDR_ERROR = 'must be a network such as 10.20.0.0/16 or fd00::/8';
const block = ruled(text({ max: MAX_CIDR, message: CIDR_ERROR }), {
  message: CIDR_ERROR,
  cel: 'isCIDR(self)',
  holds: (value) => isNetwork(value),
});

function isNetwork(value: string): boolean {
  return z.cidrv4().safeParse(value).success || z.cidrv6().safeParse(value).success;
}

/** What a NetworkPolicy asks of `except`: a network inside of `block`, and not all of it. */
function isInside(inner: string, outer: string): boolean {
  const [network = '', length = ''] = outer.split('/');
  const [address = '', innerLength = ''] = inner.split('/');
  if (isIPv4(network) !== isIPv4(address) || Number(innerLength) <= Number(length)) return false;
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, Number(length), family);
  return list.check(address, family);
}

const addresses = ruled(
  fields({
    block: block.describe('The network.'),
    except: list(block, { max: MAX_EXCEPT, type: 'set' }).optional().describe('Networks in it that stay closed.'),
  }),
  {
    message: 'except must hold networks inside of block, and smaller',
    // Asked only of networks: a wrong one has an answer of its own.
    cel: [
      '!has(self.except) || !isCIDR(self.block) || !self.except.all(each, isCIDR(each))',
      'self.except.all(each, cidr(self.block).containsCIDR(each) && cidr(each).prefixLength() > cidr(self.block).prefixLength())',
    ].join(' || '),
    holds: ({ block: outer, except = [] }) => except.every((inner) => isInside(inner, outer)),
    field: 'except',
  },
);

const port = ruled(
  fields({
    protocol: oneOf(['TCP', 'UDP', 'SCTP']).default('TCP').describe('Protocol of the port.'),
    port: wholeNumber(1, 65_535).describe('Port, or the first of a range.'),
    endPort: wholeNumber(1, 65_535).optional().describe('Last port of the range, itself included.'),
  }),
  {
    message: 'endPort must not be below port',
    cel: '!has(self.endPort) || self.endPort >= self.port',
    holds: ({ port: first, endPort = first }) => endPort >= first,
    field: 'endPort',
  },
);

const typeOfPeer = '`CIDR`: addresses. `Pods`: pods of this cluster.';
const peer = union('type', (member) => [
  member({
    type: z.literal('CIDR').describe(typeOfPeer),
    cidr: addresses.describe('Addresses. Those of cloud metadata services stay closed in any case.'),
  }),
  member({
    type: z.literal('Pods').describe(typeOfPeer),
    pods: fields({
      namespaceSelector: labelSelector.optional().describe("Namespaces. Absent: the executor's own; `{}`: all."),
      podSelector: labelSelector.optional().describe('Pods in them. Absent: all.'),
    }).describe('Pods of this cluster.'),
  }),
]);

/** What the pod may reach beside DNS and its relay. Nothing else is open. */
export const egress = list(
  fields({
    name: dnsLabel.describe('What it is for; appears in the policy.'),
    to: peer.describe('Who may be reached.'),
    ports: list(port, { max: MAX_PORTS, type: 'atomic' }).optional().describe('Ports. Absent: all.'),
  }),
  { max: MAX_RULES, type: 'map', keys: ['name'] },
);
