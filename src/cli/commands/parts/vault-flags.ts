import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { VaultSettings } from '../../../keys/index.ts';
import { UsageError } from '../../exit.ts';
import { flag } from '../../flags.ts';

export interface VaultFlags {
  readonly vaultAddress?: string;
  readonly vaultNamespace?: string;
  readonly vaultMount: string;
  readonly vaultAuthMount: string;
  readonly vaultRole: string;
  readonly vaultTokenFile?: string;
  readonly vaultCaFile?: string;
  readonly clusterName?: string;
}

export function withVaultFlags(command: Command): Command {
  return command
    .addOption(flag('--vault-address <url>', 'Vault or OpenBao, for keys (default: keys lie in Secrets alone)'))
    .addOption(flag('--vault-namespace <name>', 'a namespace of Vault'))
    .addOption(flag('--vault-mount <path>', 'of its KV engine, version 2').default('kv'))
    .addOption(flag('--vault-auth-mount <path>', 'of its Kubernetes auth').default('kubernetes'))
    .addOption(flag('--vault-role <name>', 'of its Kubernetes auth').default('noisefleet'))
    .addOption(flag('--vault-token-file <file>', 'a projected ServiceAccount token with the audience of that role'))
    .addOption(flag('--vault-ca-file <file>', 'who signed the certificate of Vault (default: what the system trusts)'))
    .addOption(flag('--cluster-name <name>', 'of this cluster: the first part of every path in Vault'));
}

/** Undefined without an address. Throws `UsageError` for what is missing beside one. */
export async function vaultSettingsOf(flags: VaultFlags): Promise<VaultSettings | undefined> {
  const { vaultAddress: address, vaultTokenFile: tokenFile, clusterName: cluster, vaultCaFile } = flags;
  if (address === undefined) return undefined;
  if (tokenFile === undefined) throw new UsageError('--vault-address needs --vault-token-file');
  if (cluster === undefined)
    throw new UsageError('--vault-address needs --cluster-name: two clusters may share a Vault');
  return {
    address,
    namespace: flags.vaultNamespace,
    mount: flags.vaultMount,
    cluster,
    login: { type: 'Kubernetes', mount: flags.vaultAuthMount, role: flags.vaultRole, tokenFile },
    ca: vaultCaFile === undefined ? undefined : await readFile(vaultCaFile, 'utf8'),
  };
}
