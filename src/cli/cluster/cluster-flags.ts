import type { Command } from 'commander';
import { collect, flag } from '../flags.ts';

/** Which cluster, as whom and in which namespace: what kubectl's flags of these names say. */
export interface ClusterFlags {
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly as?: string;
  readonly asGroup?: readonly string[];
}

export function withClusterFlags(command: Command): Command {
  return command
    .addOption(flag('-n, --namespace <name>', 'namespace (default: that of the kubeconfig’s context)'))
    .addOption(flag('--context <name>', 'context of the kubeconfig'))
    .addOption(flag('--kubeconfig <file>', 'in place of KUBECONFIG and ~/.kube/config'))
    .addOption(flag('--as <user>', 'act as this user'))
    .addOption(
      flag('--as-group <group>', 'act as a member of this group; may be repeated').argParser(collect((name) => name)),
    );
}
