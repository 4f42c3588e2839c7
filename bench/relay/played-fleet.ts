import { randomBytes, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { executorTicket, HARNESS_KEY } from '../../src/relay/testing/fleet.ts';
import { PRESENCE_SECRET, ScriptedRegistry } from '../../src/relay/testing/scripted-registry.ts';
import {
  CONTROL_PING_INTERVAL_MS,
  controlToRelay,
  createPeeked,
  type ExecutorTicket,
  encodeFrame,
  type FrameBody,
  parseBootId,
  parseEnvironmentId,
  parseStreamId,
  peekFrame,
  type StreamId,
  streamIdOf,
} from '../../src/wire/index.ts';
import { dialWebSocket, maskedMessage, Receiver } from './load.ts';
import { MessageReader, OPCODE } from './message-reader.ts';
import { kill, startScript } from './processes.ts';

/** Life of a harness's ticket (our-side.md §2), in seconds. */
const TICKET_SECONDS = 60;
export const PING = maskedMessage(Buffer.from(controlToRelay.encode({ type: 'ping', nonce: 'bench' })), OPCODE.text);
export const SESSIONS = maskedMessage(
  Buffer.from(controlToRelay.encode({ type: 'sessions', sessions: [] })),
  OPCODE.text,
);
const PONG = maskedMessage(Buffer.alloc(0), 0xa);

/** What arrives at an executor or a harness after its handshake. It is gone when the call returns. */
type OnMessage = (message: Buffer) => void;

/** An executor as the load plays it: answers handshakes, and hands on everything else. */
export interface PlayedExecutor {
  readonly socket: Socket;
  readonly ticket: ExecutorTicket;
  onMessage: OnMessage | undefined;
  /** From now on its bytes are only counted. */
  countOnly(): void;
}

/** A harness with its open stream. */
export interface PlayedHarness {
  readonly socket: Socket;
  readonly streamId: StreamId;
  onMessage: OnMessage | undefined;
  countOnly(): void;
}

interface RelayTold {
  readonly url: string;
  readonly bootId: string;
}

type RelayProcess = Awaited<ReturnType<typeof startScript<RelayTold>>>;

/**
 * A relay in a process of its own, and executors and harnesses in this one: raw sockets, tickets signed by a scripted registry, and random
 * bytes for handshakes, since a relay opens none.
 */
export class PlayedFleet {
  readonly received = { harnesses: new Receiver(), executors: new Receiver() };
  readonly #core: number;
  readonly #registry: ScriptedRegistry;
  readonly #present: Present;
  readonly #executors = new Set<PlayedExecutor>();
  #relay: RelayProcess;
  readonly #pinging: NodeJS.Timeout;

  private constructor(core: number, registry: ScriptedRegistry, relay: RelayProcess) {
    this.#core = core;
    this.#registry = registry;
    this.#present = new Present(registry);
    this.#relay = relay;
    this.#pinging = setInterval(() => {
      for (const { socket } of this.#executors) socket.write(PING);
    }, CONTROL_PING_INTERVAL_MS);
  }

  /** The relay on `core`, in presence at its registry. */
  static async start(core: number): Promise<PlayedFleet> {
    const registry = await ScriptedRegistry.start();
    return new PlayedFleet(core, registry, await startRelay(core, registry));
  }

  get pid(): number {
    return this.#relay.pid;
  }

  async stop(): Promise<void> {
    clearInterval(this.#pinging);
    await kill(this.#relay.child);
    await this.#registry.close();
  }

  /** Kills the relay and starts another one. */
  async restart(): Promise<void> {
    await kill(this.#relay.child);
    this.#executors.clear();
    this.#relay = await startRelay(this.#core, this.#registry);
  }

  /** A sidecar in presence. */
  async executor(ticket: ExecutorTicket = executorTicket()): Promise<PlayedExecutor> {
    const { url, token } = await this.#executorDial(ticket);
    let onBytes = (bytes: Uint8Array): void => reader.push(bytes);
    const socket = await dialWebSocket(this.received.executors, url, (bytes) => onBytes(bytes));
    const executor: PlayedExecutor = {
      ...{ socket, ticket, onMessage: undefined },
      countOnly: () => {
        onBytes = () => {};
      },
    };
    const answer = (message: Buffer) => answerHandshake(message, executor);
    const reader = new MessageReader((message, opcode) => (opcode === OPCODE.binary ? answer(message) : undefined));
    this.#executors.add(executor);
    socket.once('close', () => this.#executors.delete(executor));
    socket.write(SESSIONS);
    await this.#present.until(token);
    return executor;
  }

  /** What an executor dials that another process plays. */
  async executorUrl(ticket: ExecutorTicket): Promise<string> {
    return (await this.#executorDial(ticket)).url;
  }

  /** A harness with an open stream, each of an identity of its own. */
  async harness(executor: PlayedExecutor): Promise<PlayedHarness> {
    const url = await this.harnessUrl(executor);
    const streamId = parseStreamId(randomUUID());
    const open = Promise.withResolvers<void>();
    let onBytes = (bytes: Uint8Array): void => reader.push(bytes);
    const socket = await dialWebSocket(this.received.harnesses, url, (bytes) => onBytes(bytes));
    const harness: PlayedHarness = {
      ...{ socket, streamId, onMessage: undefined },
      countOnly: () => {
        onBytes = () => {};
      },
    };
    const reader = new MessageReader((message, opcode) => {
      if (opcode === OPCODE.ping) socket.write(PONG);
      else if (opcode === OPCODE.binary) harness.onMessage?.(message);
    });
    harness.onMessage = () => open.resolve();
    socket.once('close', () => open.reject(new Error('a harness was closed in its handshake')));
    send(socket, streamId, { type: 'handshake', payload: randomBytes(64) });
    await open.promise;
    harness.onMessage = undefined;
    return harness;
  }

  /** What a harness dials, of an identity of its own and for as long as a real one unless given; good for one socket. */
  async harnessUrl({ ticket }: PlayedExecutor, identity?: string, seconds?: number): Promise<string> {
    return `${this.#relay.told.url}/v1/harness?ticket=${await this.#harnessTicket(ticket, identity, seconds)}`;
  }

  /** So many executors in presence, each in an environment of its own. */
  executors(count: number): Promise<PlayedExecutor[]> {
    const environment = (i: number) => parseEnvironmentId(`default_e${i}`);
    return Promise.all(
      Array.from({ length: count }, (_, i) => this.executor(executorTicket({ environmentId: environment(i) }))),
    );
  }

  /** `count` harnesses with open streams, spread over `executors`, no more than `atOnce` on their way. */
  async harnesses(executors: readonly PlayedExecutor[], count: number, atOnce: number): Promise<PlayedHarness[]> {
    const harnesses: PlayedHarness[] = [];
    let next = 0;
    const dialer = async () => {
      for (let i = next++; i < count; i = next++) {
        const executor = executors[i % executors.length];
        if (executor !== undefined) harnesses.push(await this.harness(executor));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, dialer));
    return harnesses;
  }

  async #executorDial(ticket: ExecutorTicket): Promise<{ url: string; token: string }> {
    const token = await this.#registry.signer.signExecutorTicket(ticket, now());
    return { url: `${this.#relay.told.url}/v1/executor?ticket=${token}`, token };
  }

  #harnessTicket(
    { environmentId, registrationId }: ExecutorTicket,
    identityHash: string = randomUUID(),
    seconds = TICKET_SECONDS,
  ) {
    const ticket = {
      ...{ environmentId, registrationId, bootId: parseBootId(this.#relay.told.bootId), address: '127.0.0.1:1' },
      ...{ grant: 'bench', identityHash, harnessKeyHash: HARNESS_KEY, jti: randomUUID() },
      expiresAt: now() + seconds,
    };
    return this.#registry.signer.signHarnessTicket(ticket, now());
  }
}

/** The executors that the registry was told of, found by their tickets: hundreds wait for theirs at once. */
class Present {
  readonly #tokens = new Set<string>();
  readonly #waiting = new Map<string, () => void>();

  constructor(registry: ScriptedRegistry) {
    void this.#follow(registry);
  }

  async until(token: string): Promise<void> {
    if (!this.#tokens.has(token)) await new Promise<void>((resolve) => this.#waiting.set(token, resolve));
  }

  async #follow(registry: ScriptedRegistry): Promise<never> {
    for (let seen = 0; ; ) {
      await registry.saw(() => registry.received.length > seen);
      for (const message of registry.received.slice(seen)) {
        seen += 1;
        if (message.type !== 'add') continue;
        this.#tokens.add(message.entry.ticket);
        this.#waiting.get(message.entry.ticket)?.();
      }
    }
  }
}

export function send(socket: Socket, streamId: StreamId, body: FrameBody): void {
  socket.write(maskedMessage(encodeFrame({ streamId, body })));
}

async function startRelay(core: number, registry: ScriptedRegistry): Promise<RelayProcess> {
  const snapshots = () => registry.received.filter(({ type }) => type === 'snapshot').length;
  // What an earlier life of the relay reported does not count.
  const before = snapshots();
  const relay = await startScript<RelayTold>(core, 'relay-process', [registry.url, PRESENCE_SECRET]);
  await registry.saw(() => snapshots() > before);
  return relay;
}

const peeked = createPeeked();

function answerHandshake(message: Buffer, { socket, onMessage }: PlayedExecutor): void {
  if (peekFrame(message, peeked) === undefined && peeked.kind === 'handshake') {
    send(socket, streamIdOf(message, peeked), { type: 'handshake', payload: randomBytes(64) });
  } else onMessage?.(message);
}

function now(): number {
  return Date.now() / 1_000;
}
