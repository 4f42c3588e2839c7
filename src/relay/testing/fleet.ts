import { randomBytes, randomUUID } from 'node:crypto';
import { type Clock, createLogger, type Metrics, systemClock } from '../../telemetry/index.ts';
import { ManualClock } from '../../telemetry/testing/manual-clock.ts';
import {
  controlToRelay,
  type ExecutorTicket,
  fingerprintOf,
  type HarnessTicket,
  parseEnvironmentId,
  parseIncarnation,
  parseKeyHash,
  parseKeyId,
  registrationIdOf,
  type SessionEntry,
} from '../../wire/index.ts';
import type { RelayLimits } from '../limits.ts';
import { type RunningRelay, startRelay } from '../relay.ts';
import { Peer } from './peer.ts';
import { PRESENCE_SECRET, ScriptedRegistry } from './scripted-registry.ts';

export const HARNESS_KEY = parseKeyHash(`SHA256:${'h'.repeat(43)}`);

/** Claims of a registration of its own: random public key bytes are enough, a relay never computes with them. */
export function executorTicket(changes: Partial<ExecutorTicket> = {}): ExecutorTicket {
  const environmentId = changes.environmentId ?? parseEnvironmentId('default_demo');
  const incarnation = changes.incarnation ?? parseIncarnation('pod-1');
  const publicKey = { x25519: randomBytes(32), mlkem768: randomBytes(1_184) };
  const registrationId = registrationIdOf(environmentId, incarnation, fingerprintOf(publicKey));
  const now = Date.now() / 1_000;
  return {
    ...{ environmentId, incarnation, publicKey, registrationId },
    keyId: parseKeyId('k1'),
    firstRegistrationTime: now,
    runtime: 'sidecar',
    expiresAt: now + 600,
    ...changes,
  };
}

export interface FleetOptions {
  readonly clock?: Clock;
  readonly limits?: Partial<RelayLimits>;
  readonly metrics?: Metrics;
  readonly controlSocket?: string;
  /** What pauses are made of; always 0, none, unless given. */
  readonly random?: () => number;
  /** A folder with the relay's certificate, and what clients trust. */
  readonly tls?: { readonly folder: string; readonly ca: string };
}

/** A relay on loopback, in presence at a scripted registry, and the tickets to dial it with. */
export class Fleet {
  readonly registry: ScriptedRegistry;
  readonly relay: RunningRelay;
  readonly log: string[];
  readonly #options: FleetOptions;
  readonly #clock: Clock;
  readonly #peers: Peer[] = [];
  readonly #others: RunningRelay[] = [];

  private constructor(registry: ScriptedRegistry, relay: RunningRelay, log: string[], options: FleetOptions) {
    this.registry = registry;
    this.relay = relay;
    this.log = log;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const registry = await ScriptedRegistry.start();
    const log: string[] = [];
    const relay = await startReplica(registry, log, options);
    return new Fleet(registry, relay, log, options);
  }

  /** Another replica, in presence at the same registry, which from now on speaks to this one. */
  async another(): Promise<RunningRelay> {
    const relay = await startReplica(this.registry, this.log, { clock: this.#clock });
    this.#others.push(relay);
    return relay;
  }

  async stop(): Promise<void> {
    for (const peer of this.#peers) peer.leave();
    let closed = false;
    const closing = Promise.all([this.relay, ...this.#others].map((relay) => relay.close())).finally(() => {
      closed = true;
    });
    // A relay that closes looks after its sockets now and then.
    while (this.#clock instanceof ManualClock && !closed) await this.#clock.advanceSlowly(100);
    await closing;
    await this.registry.close();
  }

  now(): number {
    return this.#clock.now() / 1_000;
  }

  async executorUrl(ticket: ExecutorTicket): Promise<string> {
    const token = await this.registry.signer.signExecutorTicket(ticket, this.now());
    return `${this.relay.url}/v1/executor?role=environment&ticket=${token}`;
  }

  harnessTicket(executor: ExecutorTicket, changes: Partial<HarnessTicket> = {}): HarnessTicket {
    return {
      environmentId: executor.environmentId,
      registrationId: executor.registrationId,
      bootId: this.relay.bootId,
      address: '127.0.0.1:1',
      grant: 'default/dev',
      identityHash: 'identity-a',
      harnessKeyHash: HARNESS_KEY,
      jti: randomUUID(),
      expiresAt: this.now() + 60,
      ...changes,
    };
  }

  async harnessUrl(ticket: HarnessTicket, at: RunningRelay = this.relay): Promise<string> {
    const token = await this.registry.signer.signHarnessTicket(ticket, this.now());
    return `${at.url}/v1/harness?role=harness&ticket=${token}`;
  }

  async dial(url: string, headers?: Record<string, string>): Promise<Peer> {
    const peer = await Peer.dial(url, headers, this.#options.tls?.ca);
    this.#peers.push(peer);
    return peer;
  }

  /** A sidecar that told its session table and is present. */
  async sidecar(ticket: ExecutorTicket, sessions: SessionEntry[] = []): Promise<Peer> {
    const peer = await this.dial(await this.executorUrl(ticket));
    peer.ws.send(controlToRelay.encode({ type: 'sessions', sessions }));
    await this.registry.sawType('add');
    return peer;
  }

  async real(ticket: ExecutorTicket): Promise<Peer> {
    return this.dial(await this.executorUrl({ ...ticket, runtime: 'external' }));
  }

  async harness(executor: ExecutorTicket, changes: Partial<HarnessTicket> = {}): Promise<Peer> {
    return this.dial(await this.harnessUrl(this.harnessTicket(executor, changes)));
  }

  /** A harness with an open stream: handshake sent, and answered by the executor. */
  async stream(ticket: ExecutorTicket, executor: Peer, changes: Partial<HarnessTicket> = {}): Promise<OpenStream> {
    return this.open(await this.harness(ticket, changes), executor);
  }

  /** Opens a stream on a harness's socket. */
  async open(harness: Peer, executor: Peer): Promise<OpenStream> {
    const streamId = randomUUID();
    harness.send(streamId, { type: 'resume', nextSeq: 0 });
    harness.send(streamId, { type: 'handshake', payload: Buffer.from('message 1') });
    await executor.frame(streamId, 'handshake');
    executor.send(streamId, { type: 'handshake', payload: Buffer.from('message 2') });
    await harness.frame(streamId, 'handshake');
    return { harness, streamId };
  }
}

async function startReplica(
  registry: ScriptedRegistry,
  log: string[],
  { clock = systemClock, limits, metrics, controlSocket, tls, random = () => 0 }: FleetOptions,
): Promise<RunningRelay> {
  const destination = { write: (line: string) => void log.push(line) };
  const logger = createLogger({ component: 'relay', level: 'trace', destination });
  const presenceSecret = () => Promise.resolve(PRESENCE_SECRET);
  const snapshots = () => registry.received.filter(({ type }) => type === 'snapshot').length;
  const before = snapshots();
  const relay = await startRelay({
    ...{ host: '127.0.0.1', port: 0, registryUrls: [registry.url], presenceSecret, logger, clock },
    limits: { drainMs: 0, ...limits },
    ...(metrics && { metrics }),
    controlSocket,
    tlsFolder: tls?.folder,
    random,
  });
  await registry.saw(() => snapshots() > before);
  return relay;
}

export interface OpenStream {
  readonly harness: Peer;
  readonly streamId: string;
}
