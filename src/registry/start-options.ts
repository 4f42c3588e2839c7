import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '../telemetry/index.ts';
import {
  Followed,
  followAuthorities,
  followCertificates,
  loadTicketKeys,
  type ServingCertificate,
  type TicketKey,
} from '../wire/index.ts';
import { MIN_BEARER_LENGTH } from './bearer.ts';
import type { RegistryContext } from './context.ts';
import { type RegistryOptions, RegistryStartError } from './options.ts';
import { type PeerProofs, secretProof } from './peer-proofs.ts';
import type { RelayTls } from './probes/probe.ts';

/** What relays tell this registry from others by. Who lets the system choose a port is none that they knew before. */
export function registryIdOf({ registryId, host, port }: RegistryOptions): string {
  return registryId ?? `registry-${hostname()}-${host}-${port === 0 ? randomUUID() : port}`;
}

/** Which relay URL a caller gets. @throws RegistryStartError `relay_url` */
export function relayUrls({ relayUrl, external }: RegistryOptions): RegistryContext['relayUrlFor'] {
  const internal = checkedRelayUrl(relayUrl);
  if (external === undefined) return () => internal;
  const outside = checkedRelayUrl(external.relayUrl);
  const outsideHost = external.registryHost.toLowerCase();
  return (host) => (host === outsideHost ? outside : internal);
}

/**
 * How relays prove themselves to probes: by the name in the URL that callers from inside get, when that is one of TLS.
 *
 * @throws RegistryStartError `relay_url`
 */
export function relayTlsOf({ relayUrl }: RegistryOptions, trust: RelayTls['trust']): RelayTls | undefined {
  const { protocol, hostname } = new URL(checkedRelayUrl(relayUrl));
  return protocol === 'wss:' ? { servername: hostname, trust } : undefined;
}

/** @throws RegistryStartError `presence_secret` */
export async function openProofs({ presence }: RegistryOptions): Promise<PeerProofs> {
  return 'proofs' in presence ? presence.proofs : secretProof(await readSecret(presence.secretFile));
}

export interface FollowedFiles {
  readonly ticketKeys: Followed<readonly TicketKey[]>;
  readonly certificates: Followed<ServingCertificate> | undefined;
  /** Whom probes trust; everybody's authorities when it is missing. */
  readonly trust: Followed<string> | undefined;
}

/** @throws TicketError `keys_file`, or what reading the first certificate or authority failed with */
export async function followFiles(options: RegistryOptions, clock: Clock): Promise<FollowedFiles> {
  const { ticketKeysFile, ticketKeysGroupReadable = false, tlsFolder, caFile, logger } = options;
  const ticketKeys = await Followed.open<readonly TicketKey[]>({
    what: 'ticket keys',
    paths: [ticketKeysFile],
    clock,
    logger,
    load: async () => {
      const value = await loadTicketKeys(ticketKeysFile, { allowGroupRead: ticketKeysGroupReadable });
      const shape = value.map(({ kid, notBefore, retireAt }) => [kid, notBefore, retireAt]);
      return { value, version: createHash('sha256').update(JSON.stringify(shape)).digest('hex') };
    },
  });
  return {
    ticketKeys,
    certificates: tlsFolder === undefined ? undefined : await followCertificates({ folder: tlsFolder, clock, logger }),
    trust: caFile === undefined ? undefined : await followAuthorities({ file: caFile, clock, logger }),
  };
}

export async function closeFiles(files: FollowedFiles): Promise<void> {
  await Promise.all(Object.values(files).map((file) => file?.close()));
}

function checkedRelayUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^wss?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new RegistryStartError(
      'relay_url',
      'the relay URL must be ws://HOST[:PORT][/PATH] or wss://…, without a query',
    );
  }
  return url.href.replace(/\/+$/, '');
}

async function readSecret(path: string): Promise<string> {
  let secret: string;
  try {
    secret = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new RegistryStartError('presence_secret', `could not read the presence secret from ${path}`, { cause });
  }
  if (secret.length < MIN_BEARER_LENGTH) {
    throw new RegistryStartError(
      'presence_secret',
      `the presence secret in ${path} is shorter than ${MIN_BEARER_LENGTH} characters`,
    );
  }
  return secret;
}
