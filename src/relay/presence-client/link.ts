import type { LookupAddress } from 'node:dns';
import type { ClientRequestArgs } from 'node:http';
import { type ClientOptions, WebSocket } from 'ws';
import type { Clock, Logger, Timer } from '../../telemetry/index.ts';
import {
  PRESENCE_PATH,
  type PresenceToRegistry,
  type PresenceToRelay,
  presenceToRegistry,
  presenceToRelay,
  type Trust,
  trustOptions,
} from '../../wire/index.ts';

/** The registry speaks first, at once; one that has nothing to say by now is not one. */
const HELLO_MS = 5_000;
/** A dead registry is noticed as a dead sidecar is (our-side.md §4). */
const PING_INTERVAL_MS = 5_000;
const SILENCE_MS = 10_000;
/** A dial that hangs must not delay the next one. */
const DIAL_MS = 5_000;
/** A snapshot of denies and keys is small; this bounds what a wrong peer can make us hold. */
const MAX_INBOUND_BYTES = 16 * 1024 * 1024;
/** Pauses before a redial: at once, then full jitter under a growing ceiling. Short, since without presence nobody is sent here. */
const FIRST_CEILING_MS = 100;
const LAST_CEILING_MS = 2_000;
/** A further address of a registry that this relay is in touch with is looked at so often: it may become another registry's. */
const TWIN_PAUSE_MS = 30_000;
/** What one registry may leave unread: it starts anew with a snapshot. Far above what a relay says in the 10 s after which it is dead anyhow. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

interface LinkHandlers {
  /**
   * The registry's hello: keys and denies are loaded when this returns, and the relay then enters presence; false when it is present there
   * already, by another address.
   */
  readonly hello: (message: Extract<PresenceToRelay, { type: 'hello' }>) => boolean;
  readonly message: (registryId: string, message: PresenceToRelay) => void;
  /** What follows the hello: this relay's own hello and its snapshot. */
  readonly entering: () => readonly PresenceToRegistry[];
  /** This relay is in presence there no more; the link dials on. */
  readonly lost: () => void;
  /** The link has ended by itself, because its address is listed no more. */
  readonly left: (registryId: string | undefined) => void;
}

export interface LinkOptions {
  /** Its host is what the registry's certificate says. */
  readonly registryUrl: string;
  /** Where that one replica is. */
  readonly address: LookupAddress;
  readonly secret: () => Promise<string>;
  readonly trust?: Trust;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly handlers: LinkHandlers;
}

/** The presence connection to one registry, dialled again until its address is listed no more. */
export class PresenceLink {
  readonly #options: LinkOptions;
  #socket: WebSocket | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #registryId: string | undefined;
  #listed = true;
  #entered = false;
  #closed = false;
  #vouches = true;
  #isTwin = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** True while this relay is in presence at that registry. */
  get entered(): boolean {
    return this.#entered;
  }

  /** Of the registry that answered there last. */
  get registryId(): string | undefined {
    return this.#registryId;
  }

  /** False while that registry is in touch and gets no answers to its probes of this relay. */
  get vouches(): boolean {
    return this.#vouches;
  }

  set vouches(vouches: boolean) {
    this.#vouches = vouches;
  }

  start(): void {
    this.#isTwin = false;
    this.#dial().catch((error: unknown) => this.#retry(error));
  }

  /** Dials now if it only waits because its registry was in touch by another address. */
  dialAsOnlyOne(): void {
    if (!this.#isTwin || this.#closed || this.#socket?.readyState !== WebSocket.CLOSED) return;
    this.#timer?.cancel();
    this.start();
  }

  send(message: PresenceToRegistry): void {
    const socket = this.#socket;
    if (!this.#entered || socket === undefined) return;
    socket.send(presenceToRegistry.encode(message));
    if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate();
  }

  /** Whether the registries' name has its address. One that has not is kept while it answers, and not dialled again. */
  set listed(listed: boolean) {
    this.#listed = listed;
    if (listed || this.#entered || this.#closed) return;
    this.close();
    this.#options.handlers.left(this.#registryId);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#socket?.close(1001, 'relay closes');
  }

  async #dial(): Promise<void> {
    const { registryUrl, address, secret, trust } = this.#options;
    const bearer = (await secret()).trim();
    if (this.#closed) return;
    const url = new URL(registryUrl);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.pathname = `${url.pathname.replace(/\/$/, '')}${PRESENCE_PATH}`;
    const options: ClientOptions & ClientRequestArgs = {
      headers: { authorization: `Bearer ${bearer}` },
      perMessageDeflate: false,
      handshakeTimeout: DIAL_MS,
      maxPayload: MAX_INBOUND_BYTES,
      ...trustOptions(trust),
      lookup: (_host, { all }, found) => (all ? found(null, [address]) : found(null, address.address, address.family)),
    };
    this.#socket = new WebSocket(url, options);
    this.#serve(this.#socket);
  }

  #serve(socket: WebSocket): void {
    const { clock, handlers } = this.#options;
    let greeted = false;
    let heardAt = clock.now();
    let failure: unknown;
    const heard = () => {
      heardAt = clock.now();
    };
    const watch = () => {
      const limit = greeted ? SILENCE_MS : HELLO_MS;
      if (clock.now() - heardAt >= limit) socket.terminate();
      else if (socket.readyState === WebSocket.OPEN) socket.ping();
      this.#timer = clock.after(PING_INTERVAL_MS, watch);
    };
    const handle = (text: string) => {
      const message = presenceToRelay.parse(text);
      if (message === undefined || socket.readyState !== WebSocket.OPEN) return;
      if (message.type === 'hello') {
        greeted = true;
        this.#registryId = message.registryId;
        this.#isTwin = !handlers.hello(message);
        if (this.#isTwin) socket.close(1000, 'in presence by another address');
        else this.#enter(socket);
      } else if (greeted && this.#registryId !== undefined) handlers.message(this.#registryId, message);
    };
    socket.on('open', () => {
      heard();
      this.#timer = clock.after(PING_INTERVAL_MS, watch);
    });
    socket.on('pong', heard);
    socket.on('ping', heard);
    socket.on('message', (data: Buffer) => {
      heard();
      try {
        handle(data.toString('utf8'));
      } catch (error) {
        failure ??= error;
        socket.close(1008, 'malformed');
      }
    });
    socket.on('error', (error) => {
      failure ??= error;
    });
    socket.on('close', () => {
      this.#timer?.cancel();
      this.#retry(failure);
    });
  }

  #enter(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#entered = true;
    this.#failures = 0;
    for (const message of this.#options.handlers.entering()) this.send(message);
    this.#options.logger.info({ registry: this.#registryId, ...this.#where() }, 'presence entered');
  }

  #retry(cause: unknown): void {
    const { clock, logger, random, handlers } = this.#options;
    if (this.#closed) return;
    if (this.#entered) logger.warn({ ...this.#where(), err: cause }, 'presence lost');
    else if (this.#failures === 1 && !this.#isTwin)
      logger.warn({ ...this.#where(), err: cause }, 'registry not reached, dialling on');
    const wasEntered = this.#entered;
    this.#entered = false;
    this.#vouches = true;
    if (wasEntered) handlers.lost();
    if (!this.#listed) {
      this.#closed = true;
      handlers.left(this.#registryId);
      return;
    }
    const ceiling = Math.min(LAST_CEILING_MS, FIRST_CEILING_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    const pauseMs = this.#isTwin ? TWIN_PAUSE_MS : wasEntered ? 0 : random() * ceiling;
    this.#timer = clock.after(pauseMs, () => this.start());
  }

  #where(): { host: string; address: string } {
    const { registryUrl, address } = this.#options;
    return { host: new URL(registryUrl).host, address: address.address };
  }
}
