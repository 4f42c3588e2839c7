import { UsageError } from '../exit.ts';
import type { ConnectionEntry } from './connection-file.ts';
import type { ConnectionFlags } from './flags.ts';

/** How a credential and the registry are come by. */
export type Way =
  /** What `noisefleet dev` left here. */
  | { readonly type: 'readyFile' }
  | { readonly type: 'tokenFile'; readonly tokenFile: string; readonly registry: KnownRegistry | undefined }
  /** `serviceAccount`: `[NAMESPACE/]NAME`. */
  | { readonly type: 'serviceAccount'; readonly serviceAccount: string; readonly registry: KnownRegistry | undefined };

/** A registry that flags or the connection file name; undefined in a `Way` means: ask the cluster. */
export interface KnownRegistry {
  readonly url: string;
  /** From the same place as the URL: certificates of one registry are no trust in another. */
  readonly caBundle?: string;
}

/**
 * Flags (and their variables) win over the connection file, a credential that is named over what `noisefleet dev` left.
 *
 * @throws UsageError for flags that exclude each other or miss their other half
 */
export function decideWay(
  role: 'harness' | 'executor',
  flags: ConnectionFlags,
  entry: ConnectionEntry | undefined,
): Way {
  if (flags.readyFile !== undefined) return { type: 'readyFile' };
  if (flags.serviceAccount !== undefined && flags.tokenFile !== undefined) {
    throw new UsageError('--service-account and --token-file exclude each other: both say who you are');
  }
  const registry = registryOf(flags, entry);
  const { serviceAccount, tokenFile } =
    flags.tokenFile === undefined && flags.serviceAccount === undefined ? credentialOf(role, entry) : flags;
  if (serviceAccount !== undefined) return { type: 'serviceAccount', serviceAccount, registry };
  if (tokenFile !== undefined) return { type: 'tokenFile', tokenFile, registry };
  if (registry === undefined) return { type: 'readyFile' };
  throw new UsageError(
    role === 'harness'
      ? 'a registry alone is not enough: say who you are with --service-account NAME or --token-file FILE'
      : 'a registry alone is not enough: --token-file FILE names the registration token',
  );
}

function registryOf(flags: ConnectionFlags, entry: ConnectionEntry | undefined): KnownRegistry | undefined {
  if (flags.registry !== undefined) return { url: flags.registry };
  if (entry === undefined) return undefined;
  const { registry: url, caBundle } = entry;
  return { url, ...(caBundle !== undefined && { caBundle }) };
}

/** A connection file is for clients: its credentials are not a host's that joins. */
function credentialOf(role: 'harness' | 'executor', entry: ConnectionEntry | undefined) {
  return role === 'harness' && entry !== undefined ? entry : { serviceAccount: undefined, tokenFile: undefined };
}
