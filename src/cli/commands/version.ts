import { Command } from 'commander';
import { deployments, isApiError, type ObjectApi } from '../../kube/index.ts';
import { explainApi } from '../cluster/api-refusal.ts';
import { type ClusterFlags, withClusterFlags } from '../cluster/cluster-flags.ts';
import { openCluster } from '../cluster/open-cluster.ts';
import { documentIn, outputFlag } from '../output/output-format.ts';
import { productVersion } from '../product-version.ts';

interface VersionFlags extends ClusterFlags {
  readonly operator: boolean;
  readonly output?: 'json' | 'yaml';
}

export function versionCommand(): Command {
  const command = new Command('version')
    .description('Print the version of noisefleet and of the Node that runs it.')
    .option('--operator', 'and of the operator in the cluster; needs the right to read Deployments', false)
    .addOption(outputFlag('json', 'yaml'))
    .addHelpText('after', '\nExamples:\n  $ noisefleet version\n  $ noisefleet version --operator -o json')
    .action(printVersion);
  return withClusterFlags(command);
}

/** What the chart calls the operator's Deployment by, whatever its name. */
const OPERATOR = 'app.kubernetes.io/part-of=noisefleet,app.kubernetes.io/component=operator';
const VERSION_LABEL = 'app.kubernetes.io/version';

/** Where the documentation installs the chart. */
const USUAL_NAMESPACE = 'noisefleet';

interface OperatorVersion {
  readonly namespace: string;
  readonly version: string | undefined;
  readonly image: string | undefined;
}

async function printVersion(flags: VersionFlags): Promise<void> {
  const client = { version: productVersion(), node: process.versions.node };
  const operators = flags.operator ? await operatorVersions(flags) : undefined;
  if (flags.output !== undefined) {
    process.stdout.write(documentIn(flags.output, { client, ...(operators && { operators }) }));
    return;
  }
  process.stdout.write(`noisefleet ${client.version} (Node ${client.node})\n`);
  for (const { namespace, version, image } of operators ?? []) {
    process.stdout.write(
      `operator ${version ?? 'of an unknown version'} (namespace ${namespace}, image ${image ?? '–'})\n`,
    );
  }
  if (operators?.length === 0) process.stdout.write('operator: none that can be seen\n');
}

async function operatorVersions(flags: VersionFlags): Promise<OperatorVersion[]> {
  const cluster = await openCluster(flags);
  try {
    return await findOperators(cluster.api, flags.namespace);
  } catch (error) {
    throw explainApi(error, {
      forbidden: (subject) =>
        `kubectl create rolebinding noisefleet-look -n ${flags.namespace ?? USUAL_NAMESPACE} --clusterrole=view ${subject}`,
    });
  } finally {
    await cluster.close();
  }
}

/** In the whole cluster for those who may look there, else where it usually is. */
async function findOperators(api: ObjectApi, namespace: string | undefined): Promise<OperatorVersion[]> {
  try {
    const { items } = await api.list(deployments, { namespace, labelSelector: OPERATOR });
    return items.map(({ metadata, spec }) => ({
      namespace: metadata.namespace ?? '',
      version: metadata.labels?.[VERSION_LABEL],
      image: spec?.template.spec?.containers[0]?.image,
    }));
  } catch (error) {
    if (namespace !== undefined || !isApiError(error, 'Forbidden')) throw error;
    return findOperators(api, USUAL_NAMESPACE);
  }
}
