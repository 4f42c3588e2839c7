import type { KubeObject } from '../../src/kube/index.ts';
import { findCluster } from './tools.ts';

/** Pods of a cluster as its API server sends them, managed fields and all. */
export async function realPods(): Promise<readonly KubeObject[] | { readonly unavailable: string }> {
  const tools = await findCluster();
  if ('unavailable' in tools) return tools;
  const { items }: { items: KubeObject[] } = JSON.parse(
    await tools.kubectl('get', 'pods', '--all-namespaces', '--show-managed-fields', '-o', 'json'),
  );
  return items.length > 0 ? items : { unavailable: 'the cluster has no pod' };
}

/** The same object under another name and version. */
export function renamed(object: KubeObject, number: number): KubeObject {
  const metadata = {
    ...object.metadata,
    name: `${object.metadata.name}-${number}`,
    resourceVersion: String(number + 1),
  };
  return { ...object, metadata };
}
