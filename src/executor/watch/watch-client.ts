import { WebSocket } from 'ws';
import type { Clock, Logger } from '../../telemetry/index.ts';
import {
  type Access,
  type Deny,
  type EnvironmentId,
  MAX_PRESENCE_MESSAGE_BYTES,
  type Trust,
  trustOptions,
  type WatchToRegistry,
  type WatchToSidecar,
  watchPath,
  watchToRegistry,
  watchToSidecar,
} from '../../wire/index.ts';
import { Backoff } from '../backoff.ts';
import { codeOf } from '../errors.ts';
import { Heartbeat } from '../heartbeat.ts';
import { Pause } from '../pause.ts';
import type { Relays } from '../registration/relay-slots.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_BACKOFF = { baseMs: 500, capMs: 10_000 };
const STABLE_MS = 5000;
/** Changes come in bursts (a stream opens, its session follows); one report tells them all. */
const REPORT_DELAY_MS = 100;
/** Of the longest names so many fit into the 64 KiB that a registry reads of one message. */
const ACCESS_PER_MESSAGE = 64;

export type Report = Omit<Extract<WatchToRegistry, { type: 'report' }>, 'type'>;

export interface WatchClientOptions {
  environmentId: EnvironmentId;
  registryUrl: string;
  trust?: Trust;
  token: () => Promise<string>;
  clock: Clock;
  logger: Logger;
  report: () => Report;
  /** Whose sessions there are: told when a watch opens. */
  access: () => readonly Access[];
  /** Enforces; resolves when it is done, which is then acknowledged. */
  onDeny: (deny: Deny) => Promise<void>;
  onUndeny: (denyId: string) => void;
  /** Which relay replicas there are. */
  onRelays: (relays: Relays) => void;
  onRefresh: () => void;
}

/** The sidecar's own line to the registry (our-side §4): a relay cannot suppress what comes here. Redials for ever. */
export class WatchClient {
  readonly #options: WatchClientOptions;
  readonly #pause: Pause;
  readonly #backoff = new Backoff(RECONNECT_BACKOFF);
  readonly #url: string;
  #dialled: WebSocket | undefined;
  #isReportDue = false;
  /** Why the last dial failed; logged when it changes. */
  #problem: string | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(options: WatchClientOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    const base = options.registryUrl.trim().replace(/\/+$/, '').replace(/^http/, 'ws');
    this.#url = `${base}${watchPath(options.environmentId)}`;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Something in the report changed. */
  reportSoon(): void {
    if (this.#isReportDue) return;
    this.#isReportDue = true;
    this.#options.clock.after(REPORT_DELAY_MS, () => this.#report());
  }

  async close(): Promise<void> {
    this.#pause.stop();
    this.#dialled?.terminate();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#pause.stopped) {
      await this.#pause.wait(this.#backoff.next());
      if (this.#pause.stopped) return;
      if ((await this.#connect()) >= STABLE_MS) this.#backoff.reset();
    }
  }

  /** Resolves at the end of the connection with how long it was open, in milliseconds. */
  async #connect(): Promise<number> {
    const { clock, logger } = this.#options;
    let token: string;
    try {
      token = await this.#options.token();
    } catch (error) {
      logger.warn({ code: codeOf(error) }, 'watch waits');
      return 0;
    }
    if (this.#pause.stopped) return 0;
    const socket = new WebSocket(this.#url, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: MAX_PRESENCE_MESSAGE_BYTES,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      ...trustOptions(this.#options.trust),
    });
    this.#dialled = socket;
    const { promise, resolve } = Promise.withResolvers<number>();
    let openedTime: number | undefined;
    socket.on('error', (error) => this.#failed(error.message));
    socket.once('open', () => {
      openedTime = clock.now();
      this.#opened(socket);
    });
    socket.once('close', () => resolve(openedTime === undefined ? 0 : clock.now() - openedTime));
    return promise;
  }

  #opened(socket: WebSocket): void {
    const { clock, logger } = this.#options;
    this.#problem = undefined;
    logger.info('watch open');
    const heartbeat = new Heartbeat({
      clock,
      ping: (nonce) => {
        this.#send({ type: 'ping', nonce });
        this.#report();
      },
      onDead: () => socket.terminate(),
    });
    socket.on('message', (data) => {
      heartbeat.heard();
      if (Buffer.isBuffer(data)) this.#receive(data.toString('utf8'));
    });
    const access = this.#options.access();
    for (let at = 0; at < access.length; at += ACCESS_PER_MESSAGE)
      this.#send({ type: 'access', entries: access.slice(at, at + ACCESS_PER_MESSAGE) });
    socket.once('close', () => {
      heartbeat.stop();
      logger.info('watch closed');
    });
    this.#report();
  }

  /** `ws` has no codes for a refused upgrade, but its message says the status and nothing else. */
  #failed(problem: string): void {
    if (this.#problem !== problem) this.#options.logger.warn({ problem }, 'watch failed');
    this.#problem = problem;
  }

  #receive(text: string): void {
    let message: WatchToSidecar | undefined;
    try {
      message = watchToSidecar.parse(text);
    } catch (error) {
      this.#options.logger.warn({ code: codeOf(error) }, 'watch message dropped');
      return;
    }
    if (message !== undefined) this.#take(message);
  }

  #take(message: WatchToSidecar): void {
    switch (message.type) {
      case 'hello':
        for (const deny of message.denies) void this.#enforce(deny);
        return;
      case 'deny':
        void this.#enforce(message.deny);
        return;
      case 'undeny':
        this.#options.onUndeny(message.denyId);
        return;
      case 'relays':
        this.#options.onRelays(message);
        return;
      case 'refresh':
        this.#options.onRefresh();
        return;
      case 'ping':
        this.#send({ type: 'pong', nonce: message.nonce });
        return;
      case 'pong':
        return;
    }
  }

  async #enforce(deny: Deny): Promise<void> {
    try {
      await this.#options.onDeny(deny);
      this.#send({ type: 'ack', denyId: deny.id });
    } catch (error) {
      this.#options.logger.error({ deny: deny.id, code: codeOf(error) }, 'deny not enforced');
    }
  }

  #report(): void {
    this.#isReportDue = false;
    this.#send({ type: 'report', ...this.#options.report() });
  }

  #send(message: WatchToRegistry): void {
    if (this.#dialled?.readyState === WebSocket.OPEN)
      this.#dialled.send(watchToRegistry.encode(message), { binary: false });
  }
}
