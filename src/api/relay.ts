import { z } from 'zod';
import { dnsLabel, fields, union, wholeNumber } from './fields.ts';
import { API_VERSION, metadata } from './metadata.ts';
import { type Labels, labelSelector, selects } from './selector.ts';

/** More replicas than this is a mistyped number: each one holds a socket of every executor. */
const MAX_REPLICAS = 100;

const hostname = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, { error: 'must be a host name' });

/** Namespaces whose executors may use the relay. `Same` is the relay's own. */
const allowedNamespaces = union(
  'from',
  ['Same', 'Selector', 'All'],
  [
    fields({ from: z.literal('Same') }),
    fields({ from: z.literal('Selector'), selector: labelSelector }),
    fields({ from: z.literal('All') }),
  ],
);

/** `Relay`: the front door, relays and their registry, one trust domain. */
export const relay = fields({
  apiVersion: z.literal(API_VERSION, { error: `must be ${API_VERSION}` }),
  kind: z.literal('Relay'),
  metadata,
  spec: fields({
    replicas: wholeNumber(1, MAX_REPLICAS).default(1),
    registry: fields({ replicas: wholeNumber(1, MAX_REPLICAS).default(1) }).prefault({}),
    allowedNamespaces: allowedNamespaces.default({ from: 'Same' }),
    tls: union(
      'type',
      ['Generated', 'SecretRef'],
      [
        fields({ type: z.literal('Generated') }),
        fields({ type: z.literal('SecretRef'), secretRef: fields({ name: dnsLabel }) }),
      ],
    ).default({ type: 'Generated' }),
    external: fields({ registryHostname: hostname, relayHostname: hostname }).optional(),
  }).prefault({}),
});
export type Relay = z.infer<typeof relay>;

/** The label that Kubernetes puts on every namespace, so that a selector can name one. */
const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Whether executors of `namespace` may use this relay. `namespaceLabels` are those of the namespace object. */
export function allowsNamespace({ metadata, spec }: Relay, namespace: string, namespaceLabels: Labels = {}): boolean {
  const { allowedNamespaces } = spec;
  switch (allowedNamespaces.from) {
    case 'Same':
      return metadata.namespace === namespace;
    case 'Selector':
      return selects(allowedNamespaces.selector, { ...namespaceLabels, [NAMESPACE_NAME_LABEL]: namespace });
    case 'All':
      return true;
    default:
      return allowedNamespaces satisfies never;
  }
}
