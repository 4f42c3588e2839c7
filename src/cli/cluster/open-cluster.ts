import { nearestName } from '../../api/index.ts';
import { type Cluster, connectToCluster, KubeconfigError } from '../../kube/index.ts';
import { systemClock } from '../../telemetry/index.ts';
import { CliError } from '../client/cli-error.ts';
import { EXIT } from '../exit.ts';
import { productVersion } from '../product-version.ts';
import type { ClusterFlags } from './cluster-flags.ts';

/**
 * The cluster of the kubeconfig (or of the pod we are in), with the namespace of its context. Connects at the first request.
 *
 * @throws CliError `no_cluster`, `unreadable`, `unknown_name`, `insecure`
 */
export async function openCluster({ context, kubeconfig, as, asGroup }: ClusterFlags): Promise<Cluster> {
  try {
    return await connectToCluster({
      clock: systemClock,
      userAgent: `noisefleet/${productVersion()}`,
      context,
      kubeconfig,
      impersonate: as,
      impersonateGroups: asGroup,
    });
  } catch (error) {
    throw error instanceof KubeconfigError ? explainKubeconfig(error) : error;
  }
}

function explainKubeconfig({ code, message, unknown }: KubeconfigError): CliError {
  switch (code) {
    case 'no_cluster':
      return new CliError(message, { code, hint: 'Name one with --kubeconfig FILE, or set KUBECONFIG.' });
    case 'unknown_name': {
      const near = unknown && nearestName(unknown.asked, unknown.known);
      const known = `There are: ${unknown?.known.join(', ') || 'none'}`;
      return new CliError(message, {
        code,
        exitCode: EXIT.usage,
        hint: near === undefined ? known : `Did you mean ${near}?`,
      });
    }
    case 'unreadable':
    case 'insecure':
      return new CliError(message, { code });
    default:
      return code satisfies never;
  }
}
