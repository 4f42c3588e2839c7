import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DirectoryFile, startRegistry } from '../../src/registry/index.ts';
import { startRelay } from '../../src/relay/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { createTicketKeysFile } from '../../src/wire/index.ts';
import { waitFor } from './wait-for.ts';

/** Registry and relay in this process, in front of one External environment that several identities may use. */
export interface Front {
  readonly registryUrl: string;
  readonly relayUrl: string;
  readonly environmentId: string;
  readonly registrationToken: string;
  /** The token of an identity. */
  token(identity: string): string;
  close(): Promise<void>;
}

export interface FrontOptions {
  identities: readonly string[];
  /** Handed out in place of the relay's own address. */
  relayPublicUrl?: (relayUrl: () => string) => Promise<string>;
}

const ENVIRONMENT = 'default_host';

export async function startFront({ identities, relayPublicUrl }: FrontOptions): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), 'noisefleet-front-'));
  const at = (name: string) => join(folder, name);
  const tokens = new Map([...identities, ENVIRONMENT].map((name) => [name, randomBytes(32).toString('base64url')]));
  const token = (name: string) => tokens.get(name) ?? '';
  const presenceSecret = randomBytes(32).toString('base64url');
  const ticketKeysFile = at('ticket-keys.json');
  const presenceSecretFile = at('presence-secret');
  await createTicketKeysFile(ticketKeysFile);
  writeFileSync(presenceSecretFile, presenceSecret, { mode: 0o600 });
  writeFileSync(at('directory.json'), JSON.stringify(directoryOf(identities, token)));

  const logger = createLogger({ component: 'interop', level: 'silent' });
  let relayUrl = '';
  const publicUrl = (await relayPublicUrl?.(() => relayUrl)) ?? '';
  const registry = await startRegistry({
    host: '127.0.0.1',
    port: 0,
    relayUrl: publicUrl,
    directory: { file: at('directory.json') },
    ticketKeysFile,
    presence: { secretFile: presenceSecretFile },
    logger,
  });
  const relay = await startRelay({
    host: '127.0.0.1',
    port: 0,
    registryUrls: [registry.url],
    presenceSecret: async () => presenceSecret,
    logger,
  });
  relayUrl = relay.url;
  await waitFor('the relay to be ready', () => relay.notReady() === undefined);
  return {
    registryUrl: registry.url,
    relayUrl,
    environmentId: ENVIRONMENT,
    registrationToken: token(ENVIRONMENT),
    token,
    async close() {
      await relay.close();
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function directoryOf(identities: readonly string[], token: (name: string) => string): DirectoryFile {
  const sha256 = (name: string) => createHash('sha256').update(token(name)).digest('hex');
  const expirationTime = new Date(Date.now() + 3_600_000).toISOString();
  return {
    version: 1,
    environments: [{ id: ENVIRONMENT, runtime: 'External', executorTokenSha256: [sha256(ENVIRONMENT)], keys: [] }],
    identities: identities.map((name) => ({ name, tokens: [{ sha256: sha256(name), expirationTime }] })),
    grants: [{ name: 'default/all', identities: [...identities], environments: [ENVIRONMENT] }],
  };
}
