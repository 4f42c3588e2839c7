import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type SuiteNamespace, useNamespace } from './cluster-fixture.ts';
import { useProduct } from './product.ts';

const ENABLING = join(import.meta.dirname, '../../config/samples/quickstart/00-namespace.yaml');
const object = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });

/** A namespace of the suite's own that is enabled for the product as the quickstart's is. */
export function useEnabledNamespace(purpose: string): SuiteNamespace {
  const namespace = useNamespace(purpose);
  const enabling = objectsFor(namespace.name);
  const wide = enabling.filter(({ kind }) => kind.startsWith('Cluster'));

  beforeAll(() => namespace.kubectl.apply(...enabling));
  afterAll(async () => {
    for (const { kind, metadata } of wide) {
      await namespace.kubectl.run(['delete', kind, metadata.name, '--ignore-not-found']);
    }
    // While the operator is there: what it made goes with it.
    await namespace.kubectl.run(['delete', 'executors,relays', '--all', '--timeout=60s'], { seconds: 90 });
  });
  return namespace;
}

/**
 * The product, and an enabled namespace with a Relay `main` and a ServiceAccount `dev` whom a grant lets into every executor.
 *
 * @param useInstalled installs the product for the suite
 */
export function useAgents(
  purpose: string,
  relaySpec: Readonly<Record<string, unknown>> = {},
  useInstalled: () => void = useProduct,
): SuiteNamespace {
  useInstalled();
  const namespace = useEnabledNamespace(purpose);
  beforeAll(() =>
    namespace.kubectl.apply(
      { apiVersion: 'noisefleet.dev/v1alpha1', kind: 'Relay', metadata: { name: 'main' }, spec: relaySpec },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'dev' } },
      {
        apiVersion: 'noisefleet.dev/v1alpha1',
        kind: 'ExecutorGrant',
        metadata: { name: 'dev' },
        spec: { subjects: [{ kind: 'ServiceAccount', name: 'dev' }], executorSelector: {} },
      },
    ),
  );
  return namespace;
}

/** The quickstart's rights, for a namespace of another name. */
function objectsFor(namespace: string): readonly z.infer<typeof object>[] {
  const text = readFileSync(ENABLING, 'utf8').replaceAll('namespace: agents', `namespace: ${namespace}`);
  const objects = parseAllDocuments(text).map((document) => object.parse(document.toJS()));
  return objects
    .filter(({ kind }) => kind !== 'Namespace')
    .map((each) =>
      each.kind.startsWith('Cluster')
        ? { ...each, metadata: { ...each.metadata, name: `${each.metadata.name}-${namespace}` } }
        : each,
    );
}
