import { generateKeypair, HYBRID_IK_PROTOCOL } from '../noise/index.ts';
import { type Clock, type Logger, systemClock } from '../telemetry/index.ts';
import type { EnvironmentId, EnvironmentInfo, EnvPolicy, Fingerprint, Trust } from '../wire/index.ts';
import { HarnessError } from './error.ts';
import { pathToUri, uriToPath } from './files/path-uri.ts';
import { RemoteFiles } from './files/remote-files.ts';
import { ProcessTable } from './process/process-table.ts';
import type { RemoteProcess } from './process/remote-process.ts';
import { CredentialAhead, type CredentialSource } from './registry/credential.ts';
import type { RemoteKeys } from './registry/remote-keys.ts';
import type { Attachment } from './session/attach.ts';
import type { Traffic } from './session/channel-transport.ts';
import { Session, type SessionEvent } from './session/session.ts';

export interface HarnessOptions {
  environmentId: EnvironmentId;
  /** The registry's base URL. */
  registryUrl: string;
  /** Asked anew for each request to the registry. */
  credential: CredentialSource;
  /** The system's authorities when there is none. */
  trust?: Trust;
  /** Of which the executor's key must be one; any by default. */
  remoteKeys?: RemoteKeys;
  logger?: Logger;
  /** Connections, losses, retries: for diagnostics, never for decisions. */
  onEvent?: (event: SessionEvent) => void;
  clock?: Clock;
  random?: () => number;
  signal?: AbortSignal;
}

export interface ExecOptions {
  argv: readonly string[];
  /** Absolute, on the executor; its workspace by default. */
  cwd?: string;
  /** Laid over the executor's own environment. */
  env?: Readonly<Record<string, string>>;
  /** A terminal of 24 × 80: one stream, `pty`. */
  tty?: boolean;
  /** Keeps standard input open for `write`; without, it is empty. */
  stdin?: boolean;
  signal?: AbortSignal;
}

/** What a person wants to know of a connection. */
export interface Diagnostics {
  /** The Noise protocol of the channel. */
  protocol: string;
  /** Of the executor's key. */
  fingerprint: Fingerprint;
  relayHost: string;
  /** Ciphertext and envelopes over all connections so far: what the relays saw. */
  traffic: Readonly<Traffic>;
}

/** Everything of the executor's own environment, its own credentials apart; `env` is laid over it (contract §9.3). */
const INHERIT_ALL: EnvPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };

/** Where commands run on an executor that names no workspace. */
const ROOT = '/';

/**
 * Our own harness: drives one executor through relays that read nothing. One key pair, one session at a time, over as many connections as it
 * takes; after a lost session its commands fail and the next one opens a new session (contract §8.2).
 */
export class Harness {
  readonly files: RemoteFiles;
  readonly #session: Session;
  readonly #processes: ProcessTable;
  readonly #credentials: CredentialAhead;
  readonly #traffic: Traffic;
  readonly #clock: Clock;
  /** Of the newest connection. */
  #last: Attachment;

  private constructor(parts: {
    session: Session;
    processes: ProcessTable;
    credentials: CredentialAhead;
    traffic: Traffic;
    clock: Clock;
    first: Attachment;
  }) {
    this.files = new RemoteFiles(parts.session);
    this.#session = parts.session;
    this.#processes = parts.processes;
    this.#credentials = parts.credentials;
    this.#traffic = parts.traffic;
    this.#clock = parts.clock;
    this.#last = parts.first;
  }

  /**
   * Opens a session: at most five attempts in about 14 s (contract §2.3).
   *
   * @throws HarnessError a refusal under the registry's own code (`not_authorized`, `environment_offline`, …), `key_not_pinned`,
   * `registry_unreachable`, `handshake_failed`, `executor_credential_rejected`, …
   */
  static async connect(options: HarnessOptions): Promise<Harness> {
    const clock = options.clock ?? systemClock;
    const credentials = new CredentialAhead(options.credential, clock);
    const traffic: Traffic = { framesSent: 0, framesReceived: 0, bytesSent: 0, bytesReceived: 0 };
    const { environmentId, registryUrl, trust, logger, onEvent } = options;
    const processes: ProcessTable = new ProcessTable(() => session, clock);
    const session: Session = new Session({
      context: {
        endpoint: { environmentId, registryUrl, ...(trust && { trust }) },
        credentials,
        keypair: generateKeypair(),
        remoteKeys: options.remoteKeys ?? [],
        clock,
        traffic,
      },
      observer: processes,
      random: options.random ?? Math.random,
      onEvent: (event) => {
        logger?.debug(fieldsOf(event), 'session event');
        onEvent?.(event);
      },
    });
    try {
      const first = await session.attached(options.signal);
      return new Harness({ session, processes, credentials, traffic, clock, first });
    } catch (error) {
      session.close();
      credentials.close();
      throw error;
    }
  }

  /** What the executor says of itself. */
  get info(): EnvironmentInfo {
    return this.#attachment.info;
  }

  /** Where commands run unless told otherwise. */
  get workspace(): string {
    const { cwd } = this.info;
    return cwd ? uriToPath(cwd) : ROOT;
  }

  get diagnostics(): Diagnostics {
    const { fingerprint, relayHost } = this.#attachment;
    return { protocol: HYBRID_IK_PROTOCOL, fingerprint, relayHost, traffic: { ...this.#traffic } };
  }

  /** @throws HarnessError `executor_error` (no such program or directory), `invalid_request`, `session_lost`, … */
  exec({ argv, cwd, env = {}, tty = false, stdin = false, signal }: ExecOptions): Promise<RemoteProcess> {
    const params = {
      argv: [...argv],
      cwd: pathToUri(cwd ?? this.workspace),
      env: { ...env },
      tty,
      pipeStdin: stdin,
      envPolicy: INHERIT_ALL,
      sandbox: null,
    };
    return this.#processes.start(params, signal);
  }

  /** Whether `RemoteProcess.closeStdin` works there: the protocol itself has no such call. */
  async canCloseStdin(): Promise<boolean> {
    try {
      await this.#session.request('process/closeStdin', { processId: 'none' }, { idempotent: true });
      return true;
    } catch (error) {
      if (error instanceof HarnessError && error.code === 'not_supported') return false;
      throw error;
    }
  }

  /** Milliseconds from here to the executor and back. */
  async roundTrip(): Promise<number> {
    const before = this.#clock.now();
    await this.#session.call('environment/status', {}, { idempotent: true });
    return this.#clock.now() - before;
  }

  /** Ends the connection; commands that run go on for as long as the executor keeps the session. */
  close(): void {
    this.#session.close();
    this.#credentials.close();
  }

  get #attachment(): Attachment {
    this.#last = this.#session.attachment ?? this.#last;
    return this.#last;
  }
}

function fieldsOf(event: SessionEvent): Record<string, unknown> {
  if (!('error' in event)) return { ...event };
  const { error, ...fields } = event;
  return { ...fields, code: error.code, step: error.step };
}
