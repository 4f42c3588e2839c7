import { z } from 'zod';
import { API_VERSION } from '../names.ts';
import { fields, text, union, wholeNumber } from '../schema/fields.ts';
import { metadata, secretReference } from '../schema/metadata.ts';
import { type Labels, labelSelector, selects } from '../schema/selector.ts';
import { containerResources, type ResourceDefaults } from './resources.ts';

/** More replicas than this is a mistyped number: each one holds a socket of every executor. */
const MAX_REPLICAS = 100;

const hostname = text({
  max: 253,
  pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  message: 'must be a host name in lower case, without a scheme and without a port',
});

const FROM = "`Same`: the relay's own namespace. `Selector`: namespaces with labels. `All`: every namespace.";

/** Namespaces whose executors may use the relay. `Same` is the relay's own. */
const allowedNamespaces = union('from', (member) => [
  member({ from: z.literal('Same').describe(FROM) }),
  member({
    from: z.literal('Selector').describe(FROM),
    selector: labelSelector.describe('Labels of the namespaces. `{}` selects all.'),
  }),
  member({ from: z.literal('All').describe(FROM) }),
]);

const TLS_TYPES = "`Generated`: from the operator's own authority, renewed by it. `SecretRef`: from a Secret of yours.";

const tls = union('type', (member) => [
  member({ type: z.literal('Generated').describe(TLS_TYPES) }),
  member({
    type: z.literal('SecretRef').describe(TLS_TYPES),
    secretRef: secretReference('Secret with `tls.crt`, `tls.key` and, unless publicly trusted, `ca.crt`.'),
  }),
]);

const resources = (defaults: ResourceDefaults) =>
  // The API server asks the rules of the default before it fills in the defaults inside.
  containerResources(defaults).prefault({
    requests: { cpu: defaults.cpu, memory: defaults.memory },
    limits: { memory: defaults.memoryLimit },
  });

const replicas = wholeNumber(1, MAX_REPLICAS).default(1);

/** Far above what an idle one takes, for what slow readers leave unread: a relay keeps that in memory and budgets it from this limit. */
const RELAY_RESOURCES = { cpu: '100m', memory: '256Mi', memoryLimit: '1Gi' };
/** A registry holds the objects of its namespaces and who is present. */
const REGISTRY_RESOURCES = { cpu: '50m', memory: '128Mi', memoryLimit: '512Mi' };

/** `Relay`: the front door, relays and their registry, one trust domain. */
export const relay = fields({
  apiVersion: z.literal(API_VERSION, { error: `must be ${API_VERSION}` }),
  kind: z.literal('Relay'),
  metadata,
  spec: fields({
    replicas: replicas.describe('Relay replicas. An autoscaler may set them.'),
    resources: resources(RELAY_RESOURCES).describe('What each relay replica asks for and may take.'),
    registry: fields({
      replicas: replicas.describe('Registry replicas.'),
      resources: resources(REGISTRY_RESOURCES).describe('What each registry replica asks for and may take.'),
    })
      .prefault({})
      .describe('The registry of this relay.'),
    allowedNamespaces: allowedNamespaces
      .default({ from: 'Same' })
      .describe('Namespaces whose executors may use this relay.'),
    tls: tls.default({ type: 'Generated' }).describe('Certificates of registry and relays.'),
    external: fields({
      registryHostname: hostname.describe('Host name of the registry.'),
      relayHostname: hostname.describe('Host name of the relays.'),
    })
      .optional()
      .describe('Names under which clients outside of the cluster find it. Absent: only inside.'),
  })
    .prefault({})
    .describe('What is wanted.'),
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
