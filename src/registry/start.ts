import {
  type AdminServer,
  type Clock,
  createMetrics,
  type Metrics,
  startAdminServer,
  systemClock,
} from '../telemetry/index.ts';
import {
  type Deny,
  type EnvironmentId,
  renewCertificate,
  type TicketKey,
  TicketSigner,
  TicketVerifier,
  type Trust,
} from '../wire/index.ts';
import { accessLog } from './access-log.ts';
import { connectCall } from './api/connect-call.ts';
import { ExternalClaims } from './api/external-claims.ts';
import { CLAIM_DENY_SECONDS, registerCall } from './api/register-call.ts';
import { validateCall } from './api/validate-call.ts';
import { ChangeSignal } from './change-signal.ts';
import { type RegistryContext, usableRoutes } from './context.ts';
import { DenyBoard } from './denies/deny-board.ts';
import { DENY_SECONDS, denyActionOf } from './denies/from-directory.ts';
import { StandingAudit } from './denies/standing-audit.ts';
import type { Directory, DirectoryChange } from './directory/directory.ts';
import { FileDirectory } from './directory/file-directory.ts';
import { HttpServer } from './http/server.ts';
import { Upgrades } from './http/upgrades.ts';
import { EnvironmentFeed } from './internal/environment-feed.ts';
import { environmentsCall } from './internal/environments-call.ts';
import { DEFAULT_LIMITS, meteredLimits } from './limits/limits.ts';
import { Penalties } from './limits/penalties.ts';
import { UsedOnce } from './limits/used-once.ts';
import type { RegistryOptions, RunningRegistry } from './options.ts';
import { PresenceHub } from './presence/presence-hub.ts';
import { PresenceTable } from './presence/table.ts';
import { losersOf } from './presence/winner.ts';
import { Prober } from './probes/prober.ts';
import { closeFiles, followFiles, openProofs, registryIdOf, relayTlsOf, relayUrls } from './start-options.ts';
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
export async function startRegistry(given: RegistryOptions): Promise<RunningRegistry> {
  const options = { ...given, registryId: registryIdOf(given) };
  const { clock = systemClock, logger, metrics = createMetrics({ component: 'registry', version: 'dev' }) } = options;
  const relayUrlFor = relayUrls(options);
  const proofs = await openProofs(options);
  const files = await followFiles(options, clock);
  const signer = new TicketSigner(files.ticketKeys.current);
  const directory = await openDirectory(options, clock, metrics);
  const parts = assemble({ options, clock, metrics, signer, directory: directory.source, relayUrlFor });
  const { context, watches, feed, closing } = parts;
  const { hub, isClosing } = context;
  files.ticketKeys.onChange((keys) => changeTicketKeys(keys, context));
  const ticketKeys = () => files.ticketKeys.current.map(({ kid }) => kid);
  const answering = { registryId: options.registryId, ticketKeys, isClosing, clock };
  const internal = { ...answering, proofs, feed, directory: directory.source };
  const server = new HttpServer({
    host: options.host,
    port: options.port,
    clock,
    logger,
    metrics,
    certificate: files.certificates?.current,
    handlers: {
      register: (call) => registerCall(call, context),
      connect: (call) => connectCall(call, context),
      validate: (call) => validateCall(call, context),
    },
    environments: (request, response) =>
      environmentsCall(request, response, { ...internal, settled: () => hub.settled }),
  });
  if (server.tlsServer && files.certificates) renewCertificate(server.tlsServer, files.certificates);
  const upgrades = new Upgrades({ directory: context.directory, hub, watches, proofs, isClosing });
  server.server.on('upgrade', upgrades.take);
  const stops = [
    directory.source.subscribe((changes) => react(changes, parts)),
    repeat(clock, EXPIRE_MS, () => expire(context)),
    startProbing(options, context, metrics, files.trust),
  ];
  const url = await server.listen();
  const admin = await startAdmin(options, metrics, context);
  logger.info({ listen: url, admin: admin?.url }, 'registry listens');
  return {
    url,
    adminUrl: admin?.url,
    async close() {
      closing.begin();
      for (const stop of stops) stop();
      parts.audit.close();
      feed.close();
      await Promise.all([hub.close(), watches.close(), server.close(CLOSE_GRACE_MS)]);
      await Promise.all([directory.close(), closeFiles(files)]);
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
  readonly relayUrlFor: RegistryContext['relayUrlFor'];
}

type Parts = ReturnType<typeof assemble>;

function assemble({ options, clock, metrics, signer, directory, relayUrlFor }: Given) {
  const { logger, expectedRelays = () => 1 } = options;
  const changes = new ChangeSignal();
  const denies = new DenyBoard({ clock, logger });
  const audit = new StandingAudit({ directory, denies, clock });
  const table = new PresenceTable();
  const penalties = new Penalties();
  const verifier = new TicketVerifier(signer.publicJwks(clock.now() / 1000));
  const hub = new PresenceHub({
    ...{ registryId: registryIdOf(options), expectedRelays, table, denies, penalties, signer, verifier, audit },
    ...{ clock, logger, metrics },
    onChange: (environmentId) => {
      changes.changed(environmentId);
      feed.changed(environmentId);
    },
    onClaim: (environmentId) => denyLosers(context, environmentId),
    onServing: (relays) => watches.setRelays(relays),
  });
  const closing = { begun: false, begin: () => {} };
  closing.begin = () => {
    closing.begun = true;
    changes.changed();
  };
  const context: RegistryContext = {
    clock,
    directory,
    table,
    hub,
    denies,
    claims: new ExternalClaims(),
    penalties,
    usedAuthorizations: new UsedOnce(),
    limits: meteredLimits({ ...DEFAULT_LIMITS, ...options.limits }, metrics),
    signer,
    verifier,
    changes,
    access: accessLog(logger),
    relayUrlFor,
    isClosing: () => closing.begun,
  };
  const watches: WatchHub = new WatchHub({ denies, clock, logger, metrics, onReport: (id) => feed.changed(id), audit });
  const feed: EnvironmentFeed = new EnvironmentFeed({ directory, table, watches, denies, clock });
  const denyChanged = ({ environmentId }: Deny) => feed.changed(environmentId);
  denies.subscribe({ denied: denyChanged, lifted: denyChanged, acknowledged: denyChanged });
  return { context, watches, feed, closing, audit };
}

function expire({ table, denies, clock }: RegistryContext): void {
  table.expire(clock.now());
  denies.expire();
}

/** Returns what stops it. */
function startProbing(
  options: RegistryOptions,
  { table, signer, clock, hub }: RegistryContext,
  metrics: Metrics,
  trust: Trust | undefined,
): () => void {
  const { logger, random = Math.random } = options;
  const prober = new Prober({
    ...{ table, signer, clock, logger, metrics, random },
    tls: relayTlsOf(options, trust),
    onVerdict: (connection, forwards) => hub.setForwards(connection, forwards),
  });
  prober.start();
  return () => prober.close();
}

/** What a change of the directory sets in motion: denies and refreshes go out, and held calls look again. */
function react(changes: readonly DirectoryChange[], { context, watches, feed }: Parts): void {
  const { denies, changes: signal } = context;
  for (const change of changes) {
    const action = denyActionOf(change);
    if (action?.type === 'deny') denies.deny(action.target, DENY_SECONDS);
    if (action?.type === 'lift') denies.lift(action.target);
    if (change.type === 'keys_changed') watches.refresh(change);
  }
  signal.changed();
  feed.changed();
}

/** Every relay hears of a new key before it signs: it has a time from which on it may. */
function changeTicketKeys(keys: readonly TicketKey[], { signer, verifier, hub, clock }: RegistryContext): void {
  signer.setKeys(keys);
  verifier.setKeys(signer.publicJwks(clock.now() / 1000));
  hub.tellTicketKeys();
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

function repeat(clock: Clock, everyMs: number, run: () => void): () => void {
  let timer = clock.after(everyMs, turn);
  function turn(): void {
    run();
    timer = clock.after(everyMs, turn);
  }
  return () => timer.cancel();
}
