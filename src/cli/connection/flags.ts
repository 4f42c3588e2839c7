import { type Command, InvalidArgumentError, type Option } from 'commander';
import { isFingerprint } from '../../wire/index.ts';
import { type ClusterFlags, withClusterFlags } from '../cluster/cluster-flags.ts';
import { caFileFlag, collect, flag, urlOf } from '../flags.ts';

/** Which of a Relay's addresses: in the cluster, or from anywhere. */
export type AddressType = 'Internal' | 'External';

/** The flags that every command has which talks to an environment. */
export interface ConnectionFlags extends ClusterFlags {
  readonly serviceAccount?: string;
  readonly address?: AddressType;
  readonly config?: string;
  readonly readyFile?: string;
  readonly registry?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly remoteKey?: readonly string[];
}

/** For clients. */
export function withConnectionFlags(command: Command): Command {
  command.addOption(
    flag('--service-account <name>', 'connect as this ServiceAccount ([NAMESPACE/]NAME), with tokens from the cluster'),
  );
  return withRegistryFlags(command).addOption(
    flag('--remote-key <fingerprint>', 'accept only an executor with this key; may be repeated').argParser(
      collect(fingerprint),
    ),
  );
}

/** For clients and for hosts that join. */
export function withRegistryFlags(command: Command): Command {
  return withClusterFlags(command)
    .addOption(
      flag('--registry <url>', 'registry to ask; found by the executor otherwise').argParser(urlOf('http', 'https')),
    )
    .addOption(flag('--token-file <file>', 'credential for it, read again for each request'))
    .addOption(caFileFlag())
    .addOption(addressFlag())
    .addOption(flag('--config <file>', 'connection file (default: noisefleet/config.yaml in XDG_CONFIG_HOME)'))
    .addOption(flag('--ready-file <file>', 'what noisefleet dev wrote, in place of all these'));
}

/** Kubernetes writes the types with a capital, people do not. */
export function addressFlag(): Option {
  return flag(
    '--address <type>',
    'internal or external; external by default, where there is one and we are in no cluster',
  ).argParser(addressType);
}

function addressType(text: string): AddressType {
  switch (text.toLowerCase()) {
    case 'internal':
      return 'Internal';
    case 'external':
      return 'External';
    default:
      throw new InvalidArgumentError('Write internal or external.');
  }
}

function fingerprint(text: string): string {
  if (!isFingerprint(text)) throw new InvalidArgumentError('Write SHA256: and 43 characters, as noisefleet prints it.');
  return text;
}
