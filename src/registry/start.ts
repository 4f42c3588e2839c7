import { readFile } from 'node:fs/promises';
import {
  type AdminServer,
  type Clock,
  createMetrics,
  type Metrics,
  startAdminServer,
  systemClock,
} from '../telemetry/index.ts';
import { type EnvironmentId, TicketSigner, TicketVerifier } from '../wire/index.ts';
import { accessLog } from './access-log.ts';
import { connectCall } from './api/connect-call.ts';
import { ExternalClaims } from './api/external-claims.ts';
import { CLAIM_DENY_SECONDS, registerCall } from './api/register-call.ts';
import { validateCall } from './api/validate-call.ts';
import { MIN_BEARER_LENGTH } from './bearer.ts';
import { ChangeSignal } from './change-signal.ts';
import { type RegistryContext, usableRoutes } from './context.ts';
import { DenyBoard } from './denies/deny-board.ts';
import { DENY_SECONDS, denyActionOf } from './denies/from-directory.ts';
import type { Directory, DirectoryChange } from './directory/directory.ts';
import { FileDirectory } from './directory/file-directory.ts';
import { HttpServer } from './http/server.ts';
import { Upgrades } from './http/upgrades.ts';
import { DEFAULT_LIMITS } from './limits/limits.ts';
import { Penalties } from './limits/penalties.ts';
import { RateLimiter } from './limits/token-bucket.ts';
import { UsedOnce } from './limits/used-once.ts';
import { type RegistryOptions, RegistryStartError, type RunningRegistry } from './options.ts';
import { PresenceHub } from './presence/presence-hub.ts';
import { PresenceTable } from './presence/table.ts';
import { losersOf } from './presence/winner.ts';
import { WatchHub } from './watch/watch-hub.ts';

/** Time for answers under way at the end; held calls are answered at once. */
const CLOSE_GRACE_MS = 3_000;
/** How often session copies whose time is over are forgotten. Lookups never see them; this only frees memory. */
const EXPIRE_MS = 30_000;

/**
 * Starts one replica of the registry. It shares nothing with relays but what goes over their presence connections.
 *
 * @throws RegistryStartError, TicketError `keys_file`, or the listener's own error
 */
export async function startRegistry(options: RegistryOptions): Promise<RunningRegistry> {
  const { clock = systemClock, logger, metrics = createMetrics({ component: 'registry', version: 'dev' }) } = options;
  const relayUrl = checkedRelayUrl(options.relayUrl);
  const presenceSecret = await readSecret(options.presenceSecretFile);
  const signer = await TicketSigner.fromFile(options.ticketKeysFile);
  const directory = await openDirectory(options, clock, metrics);
  const parts = assemble({ options, clock, metrics, signer, directory: directory.source, relayUrl });
  const { context, watches, closing } = parts;
  const server = new HttpServer({
    host: options.host,
    port: options.port,
    clock,
    logger,
    metrics,
    handlers: {
      register: (call) => registerCall(call, context),
      connect: (call) => connectCall(call, context),
      validate: (call) => validateCall(call, context),
    },
  });
  const { isClosing } = context;
  const upgrades = new Upgrades({ directory: context.directory, hub: context.hub, watches, presenceSecret, isClosing });
  server.server.on('upgrade', upgrades.take);
  const unsubscribe = directory.source.subscribe((changes) => react(changes, context, watches));
  const stopExpiry = repeat(clock, EXPIRE_MS, () => context.table.expire(clock.now()));
  const url = await server.listen();
  const admin = await startAdmin(options, metrics, context);
  logger.info({ listen: url, admin: admin?.url }, 'registry listens');
  return {
    url,
    adminUrl: admin?.url,
    async close() {
      closing.begin();
      unsubscribe();
      stopExpiry();
      await Promise.all([context.hub.close(), watches.close(), server.close(CLOSE_GRACE_MS)]);
      await directory.close();
      await admin?.close();
      logger.info('registry closed');
    },
  };
}

interface Given {
  readonly options: RegistryOptions;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly signer: TicketSigner;
  readonly directory: Directory;
  readonly relayUrl: string;
}

function assemble({ options, clock, metrics, signer, directory, relayUrl }: Given) {
  const { logger, host, port, expectedRelays = 1 } = options;
  const changes = new ChangeSignal();
  const denies = new DenyBoard({ clock, logger });
  const table = new PresenceTable();
  const penalties = new Penalties();
  const verifier = new TicketVerifier(signer.publicJwks(clock.now() / 1000));
  const hub = new PresenceHub({
    registryId: options.registryId ?? `registry-${host}-${port}`,
    expectedRelays,
    table,
    denies,
    penalties,
    signer,
    verifier,
    clock,
    logger,
    metrics,
    onChange: (environmentId) => changes.changed(environmentId),
    onClaim: (environmentId) => denyLosers(context, environmentId),
  });
  const closing = { begun: false, begin: () => {} };
  closing.begin = () => {
    closing.begun = true;
    changes.changed();
  };
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const context: RegistryContext = {
    clock,
    directory,
    table,
    hub,
    denies,
    claims: new ExternalClaims(),
    penalties,
    usedAuthorizations: new UsedOnce(),
    limiters: {
      connect: new RateLimiter(limits.connect),
      register: new RateLimiter(limits.register),
      validate: new RateLimiter(limits.validate),
    },
    signer,
    verifier,
    changes,
    access: accessLog(logger),
    relayUrl,
    isClosing: () => closing.begun,
  };
  return { context, watches: new WatchHub({ denies, clock, logger, metrics }), closing };
}

/** What a change of the directory sets in motion: denies and refreshes go out, and held calls look again. */
function react(
  changes: readonly DirectoryChange[],
  { denies, changes: signal }: RegistryContext,
  watches: WatchHub,
): void {
  for (const change of changes) {
    const action = denyActionOf(change);
    if (action?.type === 'deny') denies.deny(action.target, DENY_SECONDS);
    if (action?.type === 'lift') denies.lift(action.target);
    if (change.type === 'keys_changed') watches.refresh(change);
  }
  signal.changed();
}

/** Of several live claims of one `External` environment the later first registration stays (`our-side.md` §9). */
function denyLosers(context: RegistryContext, environmentId: EnvironmentId): void {
  for (const { registrationId } of losersOf(usableRoutes(context, environmentId))) {
    context.denies.deny({ environmentId, match: { registrationId }, reason: 'superseded' }, CLAIM_DENY_SECONDS);
  }
}

async function openDirectory({ directory, logger }: RegistryOptions, clock: Clock, metrics: Metrics) {
  if ('source' in directory) return { source: directory.source, close: () => Promise.resolve() };
  const source = await FileDirectory.open({ path: directory.file, clock, logger, metrics });
  return { source, close: () => source.close() };
}

function startAdmin(
  { admin }: RegistryOptions,
  metrics: Metrics,
  { directory, hub, isClosing }: RegistryContext,
): Promise<AdminServer> | undefined {
  return (
    admin &&
    startAdminServer({
      ...admin,
      metrics,
      ready: () => {
        if (isClosing()) return 'the registry is stopping';
        if (!directory.synced()) return 'the directory was not read yet: see the log for what is wrong with it';
        if (!hub.settled) return 'waiting for the snapshots of the relays, at most 10 s';
        return undefined;
      },
    })
  );
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

function repeat(clock: Clock, everyMs: number, run: () => void): () => void {
  let timer = clock.after(everyMs, turn);
  function turn(): void {
    run();
    timer = clock.after(everyMs, turn);
  }
  return () => timer.cancel();
}
