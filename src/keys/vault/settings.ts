import { KeyStoreError } from '../key-store.ts';

/** How the operator proves itself to Vault. */
export type VaultLogin =
  /** By a projected ServiceAccount token; the file is read at each login, since the kubelet renews it. */
  | { readonly type: 'Kubernetes'; readonly mount: string; readonly role: string; readonly tokenFile: string }
  /** By a token of Vault itself, for a Vault of one's own. */
  | { readonly type: 'Token'; readonly tokenFile: string };

export interface VaultSettings {
  /** `https://vault.example.com:8200` */
  readonly address: string;
  /** A namespace of Vault Enterprise or OpenBao. */
  readonly namespace?: string | undefined;
  /** Where the KV engine, version 2, is mounted. */
  readonly mount: string;
  /** The first part of every path. Required: two clusters may share a Vault. */
  readonly cluster: string;
  readonly login: VaultLogin;
  /** PEM. Absent: what the system trusts. */
  readonly ca?: string | undefined;
  /** Of each call, in milliseconds. */
  readonly timeout?: number | undefined;
}

/** Longer than any answer of a Vault that is well, shorter than the patience of whoever waits for a reconcile. Milliseconds. */
export const VAULT_TIMEOUT_MS = 10_000;

/** One part of a path: what is no name would lead elsewhere. */
const PATH_PART = /^[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?$/;
const MOUNT = /^[a-zA-Z0-9_-]+(\/[a-zA-Z0-9_-]+)*$/;

/**
 * Refuses what would weaken the way to Vault, before the first call. `environment` is asked for what node-vault obeys by itself: with
 * `VAULT_SKIP_VERIFY` anybody could be Vault.
 * @throws KeyStoreError `forbidden`
 */
export function checkVaultSettings(settings: VaultSettings, environment: NodeJS.ProcessEnv): void {
  const problem = problemOf(settings, environment);
  if (problem !== undefined) throw new KeyStoreError('forbidden', 'vault settings', problem);
}

function problemOf(
  { address, mount, cluster, login }: VaultSettings,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  if ((environment.VAULT_SKIP_VERIFY ?? '') !== '') {
    return 'VAULT_SKIP_VERIFY is set: whoever answers would be taken for Vault. Unset it, and give a CA';
  }
  if (!URL.canParse(address)) return `${JSON.stringify(address)} is no address of Vault, such as https://vault:8200`;
  const { protocol, pathname, username, password } = new URL(address);
  if (protocol !== 'https:') return 'the address of Vault must begin with https://: private keys go over it';
  if (pathname !== '/' || username !== '' || password !== '')
    return 'the address of Vault has host and port and nothing else';
  if (!PATH_PART.test(cluster))
    return 'the cluster needs a name of a-z, 0-9, ".", "_" and "-": it is the first part of every path';
  if (!MOUNT.test(mount)) return `${JSON.stringify(mount)} is no mount of Vault`;
  if (login.type === 'Kubernetes' && !MOUNT.test(login.mount))
    return `${JSON.stringify(login.mount)} is no mount of Vault`;
  return undefined;
}
