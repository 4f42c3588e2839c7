import type { StoredRelay } from '../../api/index.ts';
import { CliError } from '../client/cli-error.ts';
import { EXIT } from '../exit.ts';
import { CONNECTION_FILE_VERSION, type ConnectionEntry, type ConnectionFile } from './connection-file.ts';
import type { AddressType } from './flags.ts';
import { chooseAddress } from './relay-address.ts';

export interface ExportOptions {
  /** What the connection is for; by default what the Relay allows. */
  readonly environments?: readonly string[];
  readonly address?: AddressType;
  readonly serviceAccount?: string;
  readonly tokenFile?: string;
}

/**
 * A connection file for people who may not read the Relay. It holds no secret.
 *
 * @throws CliError `not_ready`, `no_address`
 */
export function connectionFileOf({ metadata, spec, status }: StoredRelay, options: ExportOptions): ConnectionFile {
  const { environments, address: asked, serviceAccount, tokenFile } = options;
  const label = `Relay ${metadata.namespace}/${metadata.name}`;
  // A file is for somebody elsewhere, wherever it is written.
  const address = chooseAddress(status.addresses, { asked, inCluster: false });
  if (address === undefined) {
    throw new CliError(`${label} has no ${asked?.toLowerCase() ?? ''} address${asked === undefined ? ' yet' : ''}`, {
      code: asked === undefined ? 'not_ready' : 'no_address',
      exitCode: asked === undefined ? EXIT.notReady : EXIT.failed,
      hint: asked === 'External' ? 'Set its spec.external.' : `See:  noisefleet status -n ${metadata.namespace}`,
    });
  }
  const entry: ConnectionEntry = {
    environments: [...(environments ?? [spec.allowedNamespaces.from === 'Same' ? `${metadata.namespace}/*` : '*'])],
    registry: address.registryURL,
    ...(address.caBundle !== undefined && { caBundle: address.caBundle }),
    ...(serviceAccount !== undefined && { serviceAccount }),
    ...(tokenFile !== undefined && { tokenFile }),
  };
  return { version: CONNECTION_FILE_VERSION, connections: [entry] };
}
