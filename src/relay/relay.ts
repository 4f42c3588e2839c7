import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  type AdminServer,
  type Clock,
  type Logger,
  type Metrics,
  startAdminServer,
  systemClock,
} from '../telemetry/index.ts';
import {
  type BootId,
  collectOnOneThread,
  followAuthorities,
  followCertificates,
  type PresenceToRegistry,
  parseBootId,
  renewCertificate,
  TICKET_CLOCK_SKEW_SECONDS,
  type Trust,
} from '../wire/index.ts';
import { DenyList } from './admission/denies.ts';
import { Door } from './admission/door.ts';
import { TicketKeys } from './admission/ticket-keys.ts';
import { UsedTickets } from './admission/used-tickets.ts';
import { Visitors } from './admission/visitors.ts';
import { capacityOf } from './capacity/capacity.ts';
import { publishLimits } from './capacity/limit-gauges.ts';
import { readMachine } from './capacity/machine.ts';
import type { RelayContext } from './context.ts';
import { type ControlServer, startControlServer } from './control/control-server.ts';
import { describeRelay } from './control/describe.ts';
import type { RelayStatus } from './control/status.ts';
import { closePaced } from './drain/close-paced.ts';
import { Ending } from './drain/ending.ts';
import { ChunkPool } from './flow/chunk-pool.ts';
import { ProcessBudget } from './flow/process-budget.ts';
import { TurnEnd } from './flow/turn-end.ts';
import { HandshakeGate } from './handshakes.ts';
import { DEFAULT_LIMITS, KEYS_CURRENT_MS, LOAD_REPORT_MS, type RelayLimits, SWEEP_MS } from './limits.ts';
import { createMeasures } from './measures/measures.ts';
import { createMeters, type Levels, type Meters, Traffic } from './meters.ts';
import { Presence } from './presence-client/presence.ts';
import type { Resolve } from './presence-client/registry-addresses.ts';
import { Rendezvous } from './rendezvous.ts';
import { Routes } from './routes.ts';
import type { PeerTls } from './splice/reach.ts';
import { Splicer } from './splice/splicer.ts';
import { Upgrades } from './upgrades.ts';

/** 96 random bits: no two lives of any replica share one. */
const BOOT_ID_BYTES = 12;

export interface RelayOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where `/livez`, `/readyz` and `/metrics` are answered; needs `metrics`. */
  readonly admin?: { readonly host: string; readonly port: number };
  /** A socket file for `noisefleet relay status` and `drain`; none without it. */
  readonly controlSocket?: string | undefined;
  /** Each stands for as many registries as its host has addresses, looked up again all the time. */
  readonly registryUrls: readonly string[];
  /** How host names of registries are resolved; as the system does it unless given. */
  readonly resolve?: Resolve;
  /** Folder with `tls.crt` and `tls.key`, followed; plain HTTP when it is missing. */
  readonly tlsFolder?: string | undefined;
  /** PEM certificates to trust in place of the system's, for registries and other relays; followed. */
  readonly caFile?: string | undefined;
  /** Read at each dial of a registry, so that it may change. */
  readonly presenceSecret: () => Promise<string>;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly limits?: Partial<RelayLimits>;
}

export interface RunningRelay {
  /** `ws://host:port`, with TLS `wss://` */
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly bootId: BootId;
  /** Undefined when ready, else what is missing. */
  notReady(): string | undefined;
  /** Who is here. */
  levels(): ReturnType<Rendezvous['levels']>;
  /** The longest that `close` takes. Milliseconds. */
  readonly closesWithinMs: number;
  /**
   * Unready at once; executors move, streams end at a quiet moment (our-side.md §10). Ends within `limits.drainMs` and `limits.closeMs` and
   * a little, at once when nobody is here.
   */
  close(): Promise<void>;
}

interface Parts {
  readonly context: RelayContext;
  readonly door: Door;
  readonly rendezvous: Rendezvous;
  readonly upgrades: Upgrades;
  readonly traffic: Traffic;
  readonly meters: Meters;
  /** Set once the port is known; before that there is nobody to tell. */
  presence: Presence | undefined;
}

/**
 * Starts a relay: resolves when it listens. It answers upgrades with 503 or 401 until a registry told it the ticket keys.
 *
 * @throws Error of the listener, as `node:net` gives it
 * @throws SocketFileError when its control socket is another's
 */
export async function startRelay(options: RelayOptions): Promise<RunningRelay> {
  const { host, port, logger, clock = systemClock } = options;
  collectOnOneThread();
  const machine = await readMachine();
  const limits: RelayLimits = { ...DEFAULT_LIMITS, ...capacityOf(machine), ...options.limits };
  const certificates = await openCertificates(options, clock);
  const trust = await openTrust(options, clock);
  const parts = build(options, limits, clock, certificates && { certificate: certificates, trust });
  const { upgrades, door, rendezvous, context } = parts;
  const startedAt = clock.now();
  const announce = () => parts.presence?.tell(loadOf(parts, 0));
  const ending = new Ending({ door, rendezvous, clock, limits, logger, announce });
  if (upgrades.tlsServer && certificates) renewCertificate(upgrades.tlsServer, certificates);
  upgrades.listener.listen(port, host);
  await once(upgrades.listener, 'listening');
  const address = upgrades.listener.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  parts.presence = startPresence({ ...options, ...(trust && { trust }) }, parts, boundPort);
  const stopTicking = startTicking(parts);
  const notReady = () => {
    if (door.draining) return 'draining';
    if (!door.keys.loaded) return 'no registry has told its ticket keys yet';
    if (!door.forwards) return 'no registry gets its probes through this relay';
    const aloneMs = parts.presence?.aloneMs ?? 0;
    return aloneMs < KEYS_CURRENT_MS ? undefined : 'no registry tells whether the ticket keys are current';
  };
  const side = await startSideServers(options, {
    notReady,
    drain: () => void ending.drain(),
    status: () =>
      describeRelay({
        ...{ bootId: context.bootId, startedAt, limits, levels: levelsOf(parts) },
        ...{ notReadyReason: notReady(), drain: ending.progress },
        recentRoundTrips: context.measures.recentRoundTrips,
      }),
  });
  logger.info({ boot: context.bootId, port: boundPort, ...machine, limits }, 'relay listens');

  return {
    url: `${certificates === undefined ? 'ws' : 'wss'}://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    adminUrl: side.admin?.url,
    bootId: context.bootId,
    notReady,
    levels: () => rendezvous.levels(),
    closesWithinMs: limits.drainMs + limits.closeMs,
    async close() {
      await ending.drain();
      await closePaced(rendezvous, clock, limits.closeMs);
      parts.presence?.close();
      stopTicking();
      upgrades.close();
      await Promise.all([side.admin?.close(), side.control?.close(), certificates?.close(), trust?.close()]);
      logger.info({ boot: context.bootId }, 'relay closed');
    },
  };
}

interface SideOptions {
  readonly notReady: () => string | undefined;
  readonly drain: () => void;
  readonly status: () => RelayStatus;
}

/** For probes and scrapers, and for whoever is inside the container. */
async function startSideServers(
  { admin, metrics, controlSocket }: RelayOptions,
  { notReady, status, drain }: SideOptions,
): Promise<{ admin: AdminServer | undefined; control: ControlServer | undefined }> {
  const isAdmin = admin !== undefined && metrics !== undefined;
  return {
    admin: isAdmin ? await startAdminServer({ ...admin, ready: notReady, metrics }) : undefined,
    control: controlSocket === undefined ? undefined : await startControlServer({ path: controlSocket, status, drain }),
  };
}

async function openCertificates({ tlsFolder: folder, logger }: RelayOptions, clock: Clock) {
  return folder === undefined ? undefined : followCertificates({ folder, clock, logger });
}

async function openTrust({ caFile: file, logger }: RelayOptions, clock: Clock) {
  return file === undefined ? undefined : followAuthorities({ file, clock, logger });
}

function build({ logger, metrics }: RelayOptions, limits: RelayLimits, clock: Clock, tls: PeerTls | undefined): Parts {
  const bootId = parseBootId(randomBytes(BOOT_ID_BYTES).toString('base64url'));
  const gate = new HandshakeGate();
  const traffic = new Traffic();
  const measures = createMeasures(metrics);
  const context: RelayContext = {
    ...{ bootId, limits, clock, logger, traffic, measures, gate },
    pool: new ChunkPool(),
    turnEnd: new TurnEnd(),
    budgets: {
      backlog: new ProcessBudget(limits.processBacklogBytes),
      uploads: new ProcessBudget(limits.processUploadBytes),
    },
    penalise: (identityHash, environmentId, untilMs) => {
      logger.warn({ identity: identityHash, environment: environmentId }, 'identity refused for failed handshakes');
      tell({ type: 'penalty', identityHash, environmentId, untilSeconds: untilMs / 1_000 });
    },
  };
  const door: Door = new Door({
    ...{ bootId, limits, clock, gate },
    keys: new TicketKeys(),
    denies: new DenyList(),
    used: new UsedTickets(),
    visitors: new Visitors({
      perParty: limits.streamsPerIdentity,
      perIdentity: limits.socketsPerIdentity,
      bytes: { perSecond: limits.bytesPerSecondPerIdentity, burst: limits.burstBytesPerIdentity },
      upgrades: { perSecond: limits.upgradesPerSecondPerIdentity, burst: limits.burstUpgradesPerIdentity },
    }),
    routes: new Routes(clock, measures.executorReturn),
    socketCount: () => rendezvous.socketCount,
    aloneMs: () => parts.presence?.aloneMs ?? 0,
  });
  const tell = (message: PresenceToRegistry) => parts.presence?.tell(message);
  const splicer = new Splicer({ clock, logger, tls, onLost: (lost) => tell({ type: 'lost', bootId: lost }) });
  const rendezvous: Rendezvous = new Rendezvous({ context, door, splicer, tell });
  const meters = createMeters(metrics, traffic);
  if (metrics !== undefined) publishLimits(metrics, limits);
  const upgrades = new Upgrades({ door, rendezvous, meters, logger, certificate: tls?.certificate.current });
  const parts: Parts = { context, door, rendezvous, upgrades, traffic, meters, presence: undefined };
  return parts;
}

function startPresence(
  options: RelayOptions & { trust?: Trust },
  { context, door, rendezvous }: Parts,
  port: number,
): Presence {
  const { registryUrls, presenceSecret, resolve, trust, random = Math.random } = options;
  const { bootId, clock, logger } = context;
  const presence = new Presence({
    ...{ registryUrls, resolve, bootId, port, clock, logger, random },
    secret: presenceSecret,
    ...(trust && { trust }),
    source: {
      entries: () => rendezvous.entries(),
      access: () => rendezvous.access(),
      keys: (registryId, keys) => door.keys.set(registryId, keys),
      gone: (registryId) => door.keys.forget(registryId),
      denies: (registryId, denies) => {
        door.denies.replace(registryId, denies);
        for (const deny of denies) rendezvous.apply(deny);
      },
      deny: (registryId, deny) => {
        door.denies.add(registryId, deny);
        rendezvous.apply(deny);
      },
      undeny: (registryId, denyId) => door.denies.remove(registryId, denyId),
      lossKnown: (registrationId) => door.routes.lossKnown(registrationId),
      load: () => loadOf({ rendezvous, door }, 0),
      probe: (registrationId) => rendezvous.probe(registrationId),
      forwards: (forwards) => {
        door.forwards = forwards;
        if (!forwards) rendezvous.release();
      },
    },
  });
  presence.start();
  return presence;
}

/** The one timer of a relay: pings, stalls, expiries, metrics, and the load that registries hear of. */
function startTicking(parts: Parts): () => void {
  const { context, door, rendezvous, upgrades, traffic, meters } = parts;
  let stopped = false;
  let reportedAt = context.clock.now();
  let reportedBytes = 0;
  let tickedAt = performance.now();
  const tick = () => {
    if (stopped) return;
    context.measures.eventLoopDelay(Math.max(0, performance.now() - tickedAt - SWEEP_MS));
    tickedAt = performance.now();
    const now = context.clock.now();
    for (let ended = rendezvous.sweep(now); ended > 0; ended -= 1) meters.limited('unfinished_messages');
    door.sweep(TICKET_CLOCK_SKEW_SECONDS);
    upgrades.sweep(now);
    meters.publish(levelsOf(parts));
    if (now - reportedAt >= LOAD_REPORT_MS) {
      const bytes = traffic.bytesToExecutors + traffic.bytesToHarnesses;
      parts.presence?.tell(loadOf(parts, ((bytes - reportedBytes) * 1_000) / (now - reportedAt)));
      reportedAt = now;
      reportedBytes = bytes;
    }
    context.clock.after(SWEEP_MS, tick);
  };
  context.clock.after(SWEEP_MS, tick);
  return () => {
    stopped = true;
  };
}

function levelsOf({ rendezvous, upgrades, presence, door: { forwards } }: Parts): Levels {
  return { ...rendezvous.levels(), unfinished: upgrades.porch.size, presence: presence?.connections ?? 0, forwards };
}

function loadOf({ rendezvous, door }: Pick<Parts, 'rendezvous' | 'door'>, bytesPerSecond: number): PresenceToRegistry {
  return { type: 'load', streams: rendezvous.levels().streams, bytesPerSecond, draining: door.draining };
}
