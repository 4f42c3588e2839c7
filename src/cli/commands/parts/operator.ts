import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Command } from 'commander';
import type { OperatorOptions, TlsTimes } from '../../../operator/index.ts';
import { UsageError } from '../../exit.ts';
import { collect, flag, type Listen } from '../../flags.ts';
import { productVersion } from '../../product-version.ts';
import { serve, withServiceFlags } from '../../serve.ts';
import { type VaultFlags, vaultSettingsOf, withVaultFlags } from './vault-flags.ts';

interface OperatorFlags extends VaultFlags {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecret?: readonly string[];
  readonly workspaceImage?: string;
  readonly namespace?: string;
  readonly serviceAccount: string;
  readonly registryServiceAccount: string;
  readonly registryTokenFile?: string;
  readonly leaseName: string;
  readonly certificateLifetime?: string;
  readonly authorityLifetime?: string;
  readonly authorityAnnouncement?: string;
  readonly keysPolicy?: string;
  readonly identity?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly adminListen?: Listen;
  readonly logLevel: string;
  readonly exitOnStdinClose: boolean;
}

export function operatorCommand(): Command {
  const command = new Command('operator')
    .description('Run what Relays, Executors and ExecutorGrants of a cluster ask for.')
    .addOption(flag('--image <image>', 'the image of this product, for what the operator starts').makeOptionMandatory())
    .addOption(
      flag('--image-pull-policy <policy>', 'of that image')
        .choices(['Always', 'IfNotPresent', 'Never'])
        .default('IfNotPresent'),
    )
    .addOption(
      flag('--image-pull-secret <name>', 'a Secret to pull it with; may be repeated').argParser(
        collect((name: string) => name),
      ),
    )
    .addOption(flag('--workspace-image <image>', 'where commands run without a template (default: --image)'))
    .addOption(flag('-n, --namespace <name>', 'the operator’s own namespace (default: that of the pod or context)'))
    .addOption(flag('--service-account <name>', 'the operator’s own').default('noisefleet-operator'))
    .addOption(flag('--registry-service-account <name>', 'of registries').default('noisefleet-registry'))
    .addOption(
      flag('--registry-token-file <file>', 'what registries know the operator by, audience noisefleet-internal'),
    )
    .addOption(flag('--lease-name <name>', 'the Lease by which one of several leads').default('noisefleet-operator'))
    .addOption(flag('--certificate-lifetime <duration>', 'of a generated serving certificate (default: 2160h)'))
    .addOption(flag('--authority-lifetime <duration>', 'of a generated certificate authority (default: 26280h)'))
    .addOption(
      flag(
        '--authority-announcement <duration>',
        'how long clients are told of a new authority before it signs; at least what the kubelet needs to bring a changed ConfigMap into a pod, 2m (default: 168h)',
      ),
    )
    .addOption(
      flag('--keys-policy <name>', 'the ValidatingAdmissionPolicy, and its binding, that proves who asks for a key'),
    )
    .addOption(flag('--identity <name>', 'unique to this process (default: the host name and something random)'))
    .addOption(flag('--kubeconfig <file>', 'outside of a cluster'))
    .addOption(flag('--context <name>', 'of the kubeconfig'))
    .addHelpText('after', '\nExample:\n  $ noisefleet operator --image ghcr.io/example/noisefleet:0.1.0 -n noisefleet');
  return withServiceFlags(withVaultFlags(command), { adminDefault: '127.0.0.1:9080' }).action(
    async (flags: OperatorFlags) => {
      const settings = { tlsTimes: await tlsTimesOf(flags), vault: await vaultSettingsOf(flags) };
      await serve({ component: 'operator', ...flags, start: (telemetry) => start(flags, settings, telemetry) });
    },
  );
}

/** @throws UsageError */
async function tlsTimesOf(flags: OperatorFlags): Promise<TlsTimes> {
  const [{ TLS_TIMES, tlsTimesProblem }, { isDuration, toMilliseconds }] = await Promise.all([
    import('../../../operator/index.ts'),
    import('../../../api/index.ts'),
  ]);
  const read = (name: string, text: string | undefined, fallback: number): number => {
    if (text === undefined) return fallback;
    if (!isDuration(text)) throw new UsageError(`${name}: write a duration such as 2160h or 40s, not ${text}`);
    return toMilliseconds(text);
  };
  const times = {
    leafLifeMs: read('--certificate-lifetime', flags.certificateLifetime, TLS_TIMES.leafLifeMs),
    authorityLifeMs: read('--authority-lifetime', flags.authorityLifetime, TLS_TIMES.authorityLifeMs),
    announceMs: read('--authority-announcement', flags.authorityAnnouncement, TLS_TIMES.announceMs),
  };
  const problem = tlsTimesProblem(times);
  if (problem !== undefined) {
    throw new UsageError(`${problem}: --certificate-lifetime, --authority-lifetime, --authority-announcement`);
  }
  return times;
}

async function start(
  flags: OperatorFlags,
  settings: Pick<OperatorOptions, 'tlsTimes' | 'vault'>,
  telemetry: Parameters<Parameters<typeof serve>[0]['start']>[0],
) {
  const [{ connectToCluster }, { startOperator, watchByHttps }, { systemClock }] = await Promise.all([
    import('../../../kube/index.ts'),
    import('../../../operator/index.ts'),
    import('../../../telemetry/index.ts'),
  ]);
  const { kubeconfig, context } = flags;
  const cluster = await connectToCluster({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
    clock: systemClock,
    metrics: telemetry.metrics,
    userAgent: `noisefleet-operator/${productVersion()}`,
  });
  const operator = await startOperator({
    ...telemetry,
    api: cluster.api,
    namespace: flags.namespace ?? cluster.namespace,
    serviceAccount: flags.serviceAccount,
    registryServiceAccount: flags.registryServiceAccount,
    image: flags.image,
    imagePullPolicy: flags.imagePullPolicy,
    imagePullSecrets: flags.imagePullSecret ?? [],
    workspaceImage: flags.workspaceImage,
    logLevel: flags.logLevel,
    watchRegistry: flags.registryTokenFile === undefined ? undefined : watchByHttps(flags.registryTokenFile),
    leaseName: flags.leaseName,
    keysPolicy: flags.keysPolicy,
    ...settings,
    identity: flags.identity ?? `${hostname()}_${randomBytes(4).toString('hex')}`,
    admin: flags.adminListen,
  });
  return {
    stopped: operator.stopped,
    close: async () => {
      await operator.close();
      await cluster.close();
    },
  };
}
