import { connectToCluster, KubeconfigError, type ObjectApi } from '../../../kube/index.ts';
import { systemClock } from '../../../telemetry/index.ts';
import type { ClusterFlags } from '../../cluster/cluster-flags.ts';
import { productVersion } from '../../product-version.ts';

/** Why no cluster could be asked. */
export type NoCluster = { readonly kind: 'no_cluster' } | { readonly kind: 'unreadable'; readonly why: string };

/** Asks the cluster of the kubeconfig, or of the pod that this runs in; `otherwise` where there is none. */
export async function withCluster<Facts>(
  { context, kubeconfig, as: impersonate, asGroup: impersonateGroups }: ClusterFlags,
  ask: (api: ObjectApi, namespace: string) => Promise<Facts>,
  otherwise: (none: NoCluster) => Facts,
): Promise<Facts> {
  try {
    const userAgent = `noisefleet/${productVersion()}`;
    const options = { clock: systemClock, userAgent, context, kubeconfig, impersonate, impersonateGroups };
    const cluster = await connectToCluster(options);
    try {
      return await ask(cluster.api, cluster.namespace);
    } finally {
      await cluster.close();
    }
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    return otherwise(error.code === 'no_cluster' ? { kind: 'no_cluster' } : { kind: 'unreadable', why: error.message });
  }
}
