import { join } from 'node:path';
import { type Clock, createMetrics, type Logger, startAdminServer, systemClock } from '../telemetry/index.ts';
import {
  type Access,
  distinctAccess,
  type EnvironmentId,
  type Fingerprint,
  type Followed,
  followAuthorities,
  MAX_REPORTED_KEYS,
  parseEnvironmentId,
  type Trust,
} from '../wire/index.ts';
import { codeOf, ExecutorError } from './errors.ts';
import { execServerToken } from './exec-server-token.ts';
import { DepartedKeys } from './keys/departed-keys.ts';
import type { ExecutorKey } from './keys/executor-key.ts';
import { KeysFolder } from './keys/keys-folder.ts';
import type { ExecutorOptions, StopReason } from './options.ts';
import { KeyRegistration, type SocketOptions } from './registration/key-registration.ts';
import { RegistryClient } from './registration/registry-client.ts';
import type { Relays } from './registration/relay-slots.ts';
import { RelaySocket } from './registration/relay-socket.ts';
import type { Session } from './sessions/session-table.ts';
import { Sessions } from './sessions/sessions.ts';
import { Admission } from './streams/admission.ts';
import type { StreamContext } from './streams/stream.ts';
import { StreamTable } from './streams/stream-table.ts';
import { type ExecutorMetrics, executorMetrics } from './telemetry.ts';
import { DenyBook } from './watch/deny-book.ts';
import { endSession } from './watch/end-session.ts';
import { Enforcer } from './watch/enforcer.ts';
import { type Report, WatchClient } from './watch/watch-client.ts';

/** Shown by `noisefleet_build_info` when the caller brings no metrics of its own. */
const UNKNOWN_VERSION = '0.0.0';

export interface RunningExecutor {
  /** Of `/livez`, `/readyz` and `/metrics`. */
  readonly adminUrl: string | undefined;
  /** Resolves when the sidecar has stopped: because it was closed, or because another incarnation took its place. */
  readonly stopped: Promise<StopReason>;
  /** Resets every stream, closes every socket, keeps the sessions on disk for the next start. */
  close(): Promise<void>;
}

/**
 * Starts the sidecar: loads the keys, registers each, serves streams. It resolves before the registry was reached and never stops because
 * the registry is away. Throws `ExecutorError` `bad_options`, `exec_server_token`.
 */
export async function startExecutor(options: ExecutorOptions): Promise<RunningExecutor> {
  const { stateDir, execServerDigestFile } = options;
  checkOptions(options);
  const token = await execServerToken({ stateDir, ...(execServerDigestFile && { digestFile: execServerDigestFile }) });
  const sidecar = await Sidecar.start(options, token);
  const { admin } = options;
  const adminServer =
    admin &&
    (await startAdminServer({ ...admin, ready: () => sidecar.problem(), metrics: sidecar.metrics }).catch(
      async (cause: unknown) => {
        await sidecar.close();
        throw new ExecutorError('bad_options', 'admin listener', 'the admin address cannot be listened on', cause);
      },
    ));
  const stopped = sidecar.stopped.then(async (reason) => {
    await adminServer?.close();
    return reason;
  });
  return {
    adminUrl: adminServer?.url,
    stopped,
    close: async () => {
      await sidecar.close();
      await stopped;
    },
  };
}

function checkOptions({ registryUrl, execServerUrl }: ExecutorOptions): void {
  const isOneOf = (url: string, ...protocols: string[]) => protocols.includes(URL.parse(url)?.protocol ?? '');
  if (!isOneOf(registryUrl, 'http:', 'https:'))
    throw new ExecutorError('bad_options', 'registry URL', 'the registry URL must be http:// or https://');
  if (!isOneOf(execServerUrl, 'ws:', 'wss:'))
    throw new ExecutorError('bad_options', 'exec-server URL', 'the exec-server URL must be ws:// or wss://');
}

interface Opened {
  readonly sessions: Sessions;
  /** Of the exec-server. */
  readonly token: string;
  readonly trust: Followed<string> | undefined;
}

async function openTrust(
  { caFile: file, logger }: ExecutorOptions,
  clock: Clock,
): Promise<Followed<string> | undefined> {
  if (file === undefined) return undefined;
  try {
    return await followAuthorities({ file, clock, logger });
  } catch (cause) {
    throw new ExecutorError('bad_options', 'CA file', `${file} holds no certificates that can be read`, cause);
  }
}

/** Owns every part for as long as the process serves. */
class Sidecar {
  readonly #options: ExecutorOptions;
  readonly #environmentId: EnvironmentId;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counts: ExecutorMetrics;
  readonly #client: RegistryClient;
  readonly #sessions: Sessions;
  readonly #book = new DenyBook();
  readonly #enforcer: Enforcer;
  readonly #watch: WatchClient;
  readonly #keys: KeysFolder;
  readonly #departed: DepartedKeys;
  readonly #context: StreamContext;
  /** Undefined: the system's authorities are trusted. */
  readonly #trust: Followed<string> | undefined;
  readonly #registrations = new Set<KeyRegistration>();
  readonly #stopped = Promise.withResolvers<StopReason>();
  readonly metrics;
  #closing: Promise<void> | undefined;
  #lastActivity: number | undefined;
  /** Relay replicas; one until a registry tells. */
  #relays: Relays = { count: 1 };

  static async start(options: ExecutorOptions, token: string): Promise<Sidecar> {
    const clock = options.clock ?? systemClock;
    const logger = options.logger.child({ environment: options.environmentId });
    let sidecar: Sidecar | undefined;
    const trust = await openTrust(options, clock);
    const path = join(options.stateDir, 'sessions.json');
    const sessions = await Sessions.load({
      ...{ path, clock, logger },
      onChange: () => sidecar?.sessionsChanged(),
      onResumed: (gapMs) => sidecar?.sessionResumed(gapMs),
    });
    sidecar = new Sidecar({ ...options, clock, logger }, { sessions, token, trust });
    sidecar.#keys.start();
    sidecar.#watch.start();
    return sidecar;
  }

  private constructor(options: ExecutorOptions & { clock: Clock }, { sessions, token, trust }: Opened) {
    const { clock, logger, registryUrl, tokenFile, keysDir } = options;
    this.#options = options;
    this.#environmentId = parseEnvironmentId(options.environmentId);
    this.#clock = clock;
    this.#logger = logger;
    this.#sessions = sessions;
    this.#trust = trust;
    this.metrics = options.metrics ?? createMetrics({ component: 'executor', version: UNKNOWN_VERSION });
    this.#counts = executorMetrics(this.metrics);
    const registry = { environmentId: this.#environmentId, registryUrl, ...this.#trustOption() };
    this.#client = new RegistryClient({ ...registry, tokenFile, clock });
    this.#context = this.#streamContext(token);
    this.#enforcer = this.#makeEnforcer();
    this.#watch = this.#makeWatch(registryUrl);
    this.#departed = new DepartedKeys({ clock, logger, onGone: () => this.#watch.reportSoon() });
    this.#keys = new KeysFolder({
      dir: keysDir,
      clock,
      logger,
      allowGroupRead: options.allowGroupReadableKeys === true,
      onAdded: (key) => this.#addKey(key),
      onRemoved: (key) => this.#removeKey(key),
    });
  }

  get stopped(): Promise<StopReason> {
    return this.#stopped.promise;
  }

  /** Undefined when ready, else what is missing. */
  problem(): string | undefined {
    if (this.#closing !== undefined) return 'closing';
    const present = [...this.#registrations].some(({ isPresent }) => isPresent);
    return present ? undefined : 'no registration is on a live relay socket';
  }

  sessionResumed(gapMs: number): void {
    this.#counts.sessionGap.observe(gapMs / 1_000);
  }

  sessionsChanged(): void {
    this.#counts.sessions.set(this.#sessions.size);
    for (const registration of this.#registrations) registration.sendSessions();
    this.#watch.reportSoon();
  }

  close(reason: StopReason = 'closed'): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: StopReason): Promise<void> {
    this.#keys.close();
    this.#departed.close();
    this.#client.close();
    await Promise.all([...this.#registrations].map((registration) => registration.close()));
    await this.#watch.close();
    await this.#sessions.close();
    await this.#trust?.close();
    this.#logger.info({ reason }, 'executor stopped');
    this.#stopped.resolve(reason);
  }

  #trustOption(): { trust?: Trust } {
    return this.#trust === undefined ? {} : { trust: this.#trust };
  }

  #streamContext(token: string): StreamContext {
    const { runtime, sandbox, execServerUrl } = this.#options;
    const clock = this.#clock;
    return {
      target: { url: execServerUrl, token, clock },
      sessions: this.#sessions,
      admission: new Admission({ clock, metrics: this.#counts }),
      clock,
      logger: this.#logger,
      metrics: this.#counts,
      stripSandbox: runtime === 'Codex' && sandbox === 'container',
      rememberProcesses: runtime === 'Codex',
      onActivity: () => {
        this.#lastActivity = clock.now();
      },
    };
  }

  #makeEnforcer(): Enforcer {
    const { runtime } = this.#options;
    return new Enforcer({
      book: this.#book,
      sessions: this.#sessions,
      registrations: () => this.#registrations,
      endSession: (session: Session) => endSession({ session, runtime, target: this.#context.target }),
      onSuperseded: () => this.#superseded(),
      logger: this.#logger,
    });
  }

  #makeWatch(registryUrl: string): WatchClient {
    return new WatchClient({
      environmentId: this.#environmentId,
      registryUrl,
      ...this.#trustOption(),
      token: () => this.#client.token(),
      clock: this.#clock,
      logger: this.#logger,
      report: () => this.#report(),
      access: () => this.#access(),
      onDeny: (deny) => this.#enforcer.enforce(deny),
      onUndeny: (denyId) => this.#enforcer.forget(denyId),
      onRelays: (relays) => {
        this.#relays = relays;
        for (const registration of this.#registrations) registration.setRelays(relays);
      },
      onRefresh: () => {
        for (const registration of this.#registrations) registration.refresh();
      },
    });
  }

  #addKey(key: ExecutorKey): void {
    this.#forgetDone();
    const known = [...this.#registrations].find((registration) => registration.key.fingerprint === key.fingerprint);
    if (known !== undefined) {
      known.reinstate(key);
      return;
    }
    const registration = new KeyRegistration({
      environmentId: this.#environmentId,
      key,
      client: this.#client,
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.#counts,
      openSocket: (socket) => this.#openSocket(socket),
      relays: () => this.#relays,
      onSuperseded: () => void this.#superseded(),
      onIncarnation: (incarnation) => this.#book.setIncarnation(incarnation),
      onChange: () => this.#watch.reportSoon(),
    });
    this.#registrations.add(registration);
    registration.start();
  }

  #removeKey(key: ExecutorKey): void {
    for (const registration of this.#registrations) {
      if (registration.key.fingerprint !== key.fingerprint) continue;
      registration.retire();
      // It may be that of an earlier file with the same key.
      this.#departed.add(registration.key);
    }
    this.#departed.add(key);
    this.#sessions.forgetDetached(key.fingerprint);
    this.#forgetDone();
    this.#watch.reportSoon();
  }

  #forgetDone(): void {
    for (const registration of this.#registrations) {
      if (!registration.isDone) continue;
      this.#registrations.delete(registration);
      void registration.close();
    }
  }

  #openSocket({ registration, target, slot, onRefused }: SocketOptions): RelaySocket {
    const socket: RelaySocket = new RelaySocket({
      target,
      ...this.#trustOption(),
      clock: this.#clock,
      logger: this.#logger.child({ key: registration.key.id }),
      openStreams: (send, onIdle) => {
        this.#counts.relayConnections.add();
        const shared = { client: this.#client, denies: this.#book, context: this.#context };
        return new StreamTable({ registration, send, onIdle, isRetired: () => socket.isRetired, ...shared });
      },
      sessionEntries: () => this.#sessions.entries(),
      onRefused,
      ...slot,
    });
    return socket;
  }

  #access(): Access[] {
    const environmentId = this.#environmentId;
    return distinctAccess(
      this.#sessions.all().map(({ identityHash, grant }) => ({ environmentId, identityHash, grant })),
    );
  }

  #report(): Report {
    this.#forgetDone();
    const keys = [...this.#registrations].flatMap((registration) => {
      const { id: keyId, fingerprint } = registration.key;
      const known = registration.report();
      return known === undefined ? [] : [{ keyId, fingerprint, ...known }];
    });
    const lastActivity = this.#lastActivity === undefined ? undefined : Math.floor(this.#lastActivity / 1000);
    return {
      keys: keys.slice(-MAX_REPORTED_KEYS),
      sessions: this.#sessions.size,
      loaded: this.#loaded(),
      ...(lastActivity !== undefined && { lastActivity }),
    };
  }

  /** Keys whose private half is in memory. */
  #loaded(): Fingerprint[] {
    const held = [...this.#registrations].map(({ key }) => key).filter(({ keypair }) => keypair !== undefined);
    const all = [...this.#departed.fingerprints, ...held.map(({ fingerprint }) => fingerprint)];
    return [...new Set(all)].slice(-MAX_REPORTED_KEYS);
  }

  /** Another incarnation took our place: nothing of ours may run on (our-side §9). */
  async #superseded(): Promise<void> {
    if (this.#closing !== undefined) return;
    this.#logger.warn({ code: 'superseded' }, 'another incarnation took our place');
    try {
      await this.#enforcer.endAll('superseded');
    } catch (error) {
      this.#logger.error({ code: codeOf(error) }, 'processes could not be ended');
    }
    await this.close('superseded');
  }
}
