import { expect, it } from 'vitest';
import { allowsNamespace, relay } from './relay.ts';

const relayWith = (spec: object) =>
  relay.parse({
    apiVersion: 'noisefleet.dev/v1alpha1',
    kind: 'Relay',
    metadata: { name: 'main', namespace: 'agents' },
    spec,
  });

it.each([
  ['its own namespace by default', {}, 'agents', true],
  ['no other namespace by default', {}, 'team-a', false],
  ['every namespace with All', { allowedNamespaces: { from: 'All' } }, 'team-a', true],
  [
    'a selected namespace',
    { allowedNamespaces: { from: 'Selector', selector: { matchLabels: { agents: 'yes' } } } },
    'team-a',
    true,
  ],
  [
    'a namespace selected by name',
    {
      allowedNamespaces: { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'team-b' } } },
    },
    'team-a',
    false,
  ],
])('a relay allows %s', (_name, spec, namespace, allowed) => {
  expect(allowsNamespace(relayWith(spec), namespace, { agents: 'yes' })).toBe(allowed);
});
