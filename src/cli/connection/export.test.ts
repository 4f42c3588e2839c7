import { describe, expect, it } from 'vitest';
import { API_VERSION, readRelay } from '../../api/index.ts';
import { documentIn } from '../output/output-format.ts';
import { parseConnectionFile } from './connection-file.ts';
import { connectionFileOf } from './export.ts';

function relay(from: object = { from: 'Same' }, addresses: object[] = [internal, external]) {
  const metadata = { namespace: 'agents', name: 'main', uid: 'u', resourceVersion: '1', generation: 1 };
  return readRelay({
    apiVersion: API_VERSION,
    kind: 'Relay',
    metadata: { ...metadata, creationTimestamp: '2026-11-21T08:00:00Z' },
    spec: { allowedNamespaces: from },
    status: { addresses },
  });
}

const internal = {
  type: 'Internal',
  registryURL: 'https://registry.svc:8443',
  relayURL: 'wss://r',
  caBundle: 'A\nB\n',
};
const external = { type: 'External', registryURL: 'https://registry.example.com', relayURL: 'wss://r' };

describe('a connection file that is written down', () => {
  it('is read as it was meant', () => {
    const file = connectionFileOf(relay(), { address: 'Internal', serviceAccount: 'agents/dev' });
    expect(parseConnectionFile(documentIn('yaml', file), 'f')).toEqual({
      version: 1,
      connections: [
        {
          environments: ['agents/*'],
          registry: 'https://registry.svc:8443',
          caBundle: 'A\nB\n',
          serviceAccount: 'agents/dev',
        },
      ],
    });
  });

  it.each([
    ['the external address', {}, { registry: 'https://registry.example.com' }],
    ['what the relay allows', {}, { environments: ['*'] }],
    ['what is asked for', { environments: ['team-a/*'] }, { environments: ['team-a/*'] }],
  ])('has %s', (_name, options, entry) => {
    expect(connectionFileOf(relay({ from: 'All' }), options).connections[0]).toMatchObject(entry);
  });

  it.each([
    [[], {}, 3],
    [[internal], { address: 'External' as const }, 1],
  ])('cannot be written without an address (%#)', (addresses, options, exitCode) => {
    expect(() => connectionFileOf(relay(undefined, addresses), options)).toThrow(expect.objectContaining({ exitCode }));
  });
});
