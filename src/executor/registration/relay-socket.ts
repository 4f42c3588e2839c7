import { WebSocket } from 'ws';
import type { Clock, Logger } from '../../telemetry/index.ts';
import {
  type BootId,
  BufferCollector,
  type ControlToSidecar,
  controlToRelay,
  controlToSidecar,
  isBootId,
  MAX_MESSAGE_BYTES,
  MAX_REGISTRY_BODY_BYTES,
  parseErrorBody,
  type Trust,
  trustOptions,
} from '../../wire/index.ts';
import { Backoff } from '../backoff.ts';
import { codeOf } from '../errors.ts';
import { Heartbeat } from '../heartbeat.ts';
import { Pause } from '../pause.ts';
import type { SessionEntry } from '../sessions/session-table.ts';
import type { Stream } from '../streams/stream.ts';
import type { StreamTable } from '../streams/stream-table.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** What is written has this long to leave when we close. */
const CLOSE_TIMEOUT_MS = 1000;
/** A relay that restarts is back within seconds, and harnesses recover for 45 s: the window stays below ten. */
const RECONNECT_BACKOFF = { baseMs: 250, capMs: 8000, early: { failures: 40, capMs: 1000 } };
/** Who balances the load may send us to the same replica again and again; another one is a reserve, nobody waits for it. */
const ELSEWHERE_BACKOFF = { baseMs: 100, capMs: 30_000 };
/** A connection that lived this long was a good one: the next dial after it is at once. */
const STABLE_MS = 5000;
/** How long a dial lets one of its siblings go first, which may end at the same relay: more than a dial within a cluster takes. */
const DIAL_TURN_MS = 250;
/** Longest wait for a fresh URL after a refusal; the registration loop wakes us earlier. */
const URL_WAIT_MS = 60_000;

/** Where the socket goes: changes with each refresh of the ticket. */
export interface RelayTarget {
  /** With the ticket: never logged. */
  url: string;
  ticket: string | undefined;
}

export interface RelaySocketOptions {
  target: RelayTarget;
  trust?: Trust;
  /** Boot ids of relays that hold another socket of this registration: this one shall go to another. */
  holds: () => readonly string[];
  /** Another socket of this registration is being dialled right now. */
  othersDial: () => boolean;
  /** The relay goes away. */
  onMove: () => void;
  clock: Clock;
  logger: Logger;
  /** The streams of one connection. */
  openStreams: (send: (frame: Uint8Array) => void, onIdle: () => void) => StreamTable;
  sessionEntries: () => SessionEntry[];
  /** The relay refuses the ticket: register again, which also tells whether another incarnation took our place. */
  onRefused: () => void;
  /** The socket opened, closed, or is done. */
  onChange: () => void;
}

type End = { kind: 'refused'; status: number; code: string } | { kind: 'lost'; livedMs: number };

/** Request header of a dial: the boot ids of `holds` (our-side §4). */
const HOLDS_HEADER = 'x-noisefleet-holds';
/** The relay's answer when it is one of them. */
const ALREADY_HERE = 'already_here';

/**
 * One registration's socket at one relay replica (a slot): dials, redials with full jitter, tells the relay the session table before
 * anything else. It never gives up by itself.
 */
export class RelaySocket {
  readonly #options: RelaySocketOptions;
  readonly #pause: Pause;
  readonly #backoff = new Backoff(RECONNECT_BACKOFF);
  readonly #elsewhere = new Backoff(ELSEWHERE_BACKOFF);
  #target: RelayTarget;
  #needsTarget = false;
  /** Dialling or open. */
  #dialled: WebSocket | undefined;
  /** Open. */
  #socket: WebSocket | undefined;
  #streams: StreamTable | undefined;
  #retired = false;
  /** The connection that it has is its last. */
  #last = false;
  #left = false;
  #dialling = false;
  #bootId: BootId | undefined;
  /** Why the last dial failed; logged when it changes. */
  #problem: string | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(options: RelaySocketOptions) {
    this.#options = options;
    this.#target = options.target;
    this.#pause = new Pause(options.clock);
  }

  /** The first dial is after so many milliseconds. */
  start(afterMs = 0): void {
    this.#done = this.#run(afterMs);
  }

  /** Open, and told the session table: the relay shows it to the registries. */
  get present(): boolean {
    return this.#socket !== undefined && !this.#retired && !this.#left;
  }

  /** Which life of a relay it is at; undefined while it is at none. */
  get bootId(): BootId | undefined {
    return this.#socket === undefined ? undefined : this.#bootId;
  }

  get isDialling(): boolean {
    return this.#dialling;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Never opens again: retired and idle, or closed. */
  get isDone(): boolean {
    return this.#pause.stopped;
  }

  get isRetired(): boolean {
    return this.#retired;
  }

  /** A refreshed ticket, or after a refusal a new URL. */
  setTarget(target: RelayTarget): void {
    this.#target = target;
    if (this.#needsTarget) {
      this.#needsTarget = false;
      this.#pause.wake();
    }
    if (target.ticket !== undefined) this.#control({ type: 'ticket', ticket: target.ticket });
  }

  sendSessions(): void {
    this.#control({ type: 'sessions', sessions: this.#options.sessionEntries() });
  }

  /** The key is gone: no new streams, no redial; closes when the last stream ends (our-side §7). */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    // The relay would send new harnesses here for as long as the last stream goes on.
    this.#control({ type: 'serving', serving: false });
    this.#closeIfIdle();
  }

  /** The key came back before the last stream ended. */
  reinstate(): void {
    if (!this.#retired) return;
    this.#retired = false;
    this.#control({ type: 'serving', serving: true });
  }

  /** The relay goes away: the connection that it has is its last. */
  stay(): void {
    this.#last = true;
    if (this.#socket === undefined) this.abandon();
  }

  /** Tells the relay that this registration is present at another one. Streams go on until the relay closes them. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#control({ type: 'leave' });
  }

  /** Gives up dialling; for a socket that is not open. */
  abandon(): void {
    this.#pause.stop();
    this.#dialled?.terminate();
  }

  async endStreams(hits: (stream: Stream) => boolean, reason: string): Promise<void> {
    await this.#streams?.endWhere(hits, reason);
  }

  /** Resets every stream and closes. */
  async close(): Promise<void> {
    this.#pause.stop();
    await this.#streams?.close('sidecar_closing', true);
    if (this.isOpen) this.#socket?.close(1001);
    else this.#dialled?.terminate();
    const timer = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => this.#dialled?.terminate());
    await this.#done;
    timer.cancel();
  }

  async #run(afterMs: number): Promise<void> {
    await this.#pause.wait(afterMs);
    while (!this.#pause.stopped) {
      await this.#pause.wait(this.#backoff.next());
      // Two that dial at once may land on one replica, and the second would take the place of the first.
      if (this.#options.othersDial()) await this.#pause.wait(DIAL_TURN_MS);
      if (this.#pause.stopped) break;
      this.#dialling = true;
      const end = await this.#connect();
      this.#dialling = false;
      if (this.#retired || this.#last) break;
      await this.#after(end);
    }
    this.#pause.stop();
    this.#options.onChange();
  }

  async #after(end: End): Promise<void> {
    if (end.kind === 'lost') {
      if (end.livedMs >= STABLE_MS) this.#backoff.reset();
      return;
    }
    if (end.code === ALREADY_HERE) {
      this.#backoff.reset();
      await this.#pause.wait(this.#elsewhere.next());
      return;
    }
    this.#options.logger.warn({ status: end.status, code: end.code }, 'relay refused the socket');
    if (end.status < 400 || end.status >= 500 || end.status === 429) return;
    this.#needsTarget = true;
    this.#options.onRefused();
    if (this.#needsTarget) await this.#pause.wait(URL_WAIT_MS);
    this.#needsTarget = false;
  }

  /** One connection, from dial to end. */
  async #connect(): Promise<End> {
    const { clock } = this.#options;
    const socket = this.#dial();
    if (socket === undefined) return { kind: 'lost', livedMs: 0 };
    this.#dialled = socket;
    const { promise, resolve } = Promise.withResolvers<End>();
    let openedTime: number | undefined;
    let refused: End | undefined;
    socket.on('error', (error) => this.#failed(codeOf(error)));
    socket.once('upgrade', (response) => {
      const bootId = response.headers['x-noisefleet-boot-id'];
      // It goes into our next dials' headers: anything else could make other relays refuse them.
      this.#bootId = isBootId(bootId) ? bootId : undefined;
    });
    socket.once('unexpected-response', (request, response) => {
      readBody(response).then((body) => {
        const status = response.statusCode ?? 0;
        refused = { kind: 'refused', status, code: parseErrorBody(body)?.code ?? `http_${status}` };
        request.destroy();
        resolve(refused);
      });
    });
    socket.once('open', () => {
      openedTime = clock.now();
      this.#dialling = false;
      this.#elsewhere.reset();
      this.#opened(socket);
    });
    socket.once('close', () =>
      resolve(refused ?? { kind: 'lost', livedMs: clock.now() - (openedTime ?? clock.now()) }),
    );
    return promise;
  }

  /** Undefined for an URL that nobody can dial. */
  #dial(): WebSocket | undefined {
    const held = this.#options.holds().join(',');
    try {
      return new WebSocket(this.#target.url, {
        ...(held !== '' && { headers: { [HOLDS_HEADER]: held } }),
        perMessageDeflate: false,
        maxPayload: MAX_MESSAGE_BYTES,
        handshakeTimeout: CONNECT_TIMEOUT_MS,
        ...trustOptions(this.#options.trust),
      });
    } catch {
      // The error's message may hold the URL, and with it the ticket.
      this.#failed('bad_relay_url');
      return undefined;
    }
  }

  #opened(socket: WebSocket): void {
    const { clock, logger, onChange, openStreams } = this.#options;
    this.#socket = socket;
    const streams = openStreams(
      (frame) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(frame);
      },
      () => this.#closeIfIdle(),
    );
    this.#streams = streams;
    // With the session table the relay would show it to the registries.
    if (this.#pause.stopped) socket.close(1000);
    else this.sendSessions();
    const heartbeat = new Heartbeat({
      clock,
      ping: (nonce) => this.#control({ type: 'ping', nonce }),
      onDead: () => socket.terminate(),
    });
    socket.on('message', (data, isBinary) => {
      heartbeat.heard();
      if (!Buffer.isBuffer(data)) return;
      BufferCollector.ofProcess().count(data.length);
      if (isBinary) streams.receive(data);
      else this.#receiveControl(data.toString('utf8'), streams);
    });
    socket.on('ping', () => heartbeat.heard());
    socket.once('close', (code) => {
      heartbeat.stop();
      this.#socket = undefined;
      this.#streams = undefined;
      logger.info({ relay: this.#bootId, closeCode: code }, 'relay socket closed');
      void streams.close('relay_lost', false);
      onChange();
    });
    this.#problem = undefined;
    logger.info({ relay: this.#bootId }, 'relay socket open');
    onChange();
  }

  #failed(code: string): void {
    if (this.#problem !== code) this.#options.logger.warn({ code }, 'relay socket failed');
    this.#problem = code;
  }

  #receiveControl(text: string, streams: StreamTable): void {
    let message: ControlToSidecar | undefined;
    try {
      message = controlToSidecar.parse(text);
    } catch (error) {
      this.#options.logger.warn({ code: codeOf(error) }, 'control message dropped');
      return;
    }
    if (message?.type === 'delivered') streams.delivered(message.streams);
    else if (message?.type === 'ping') this.#control({ type: 'pong', nonce: message.nonce });
    else if (message?.type === 'move') this.#onMove();
  }

  #onMove(): void {
    this.#options.logger.info({ relay: this.#bootId }, 'relay asks to move');
    this.#options.onMove();
  }

  #control(message: Parameters<typeof controlToRelay.encode>[0]): void {
    this.#socket?.send(controlToRelay.encode(message), { binary: false });
  }

  #closeIfIdle(): void {
    if (!this.#retired || (this.#streams !== undefined && this.#streams.size > 0)) return;
    this.#pause.stop();
    this.#socket?.close(1000);
  }
}

async function readBody(response: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      length += chunk.length;
      if (length > MAX_REGISTRY_BODY_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    // A body that breaks off: the status says enough.
  }
  return Buffer.concat(chunks).toString('utf8');
}
