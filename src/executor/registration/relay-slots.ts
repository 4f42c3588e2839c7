import type { Clock } from '../../telemetry/index.ts';
import type { BootId, WatchToSidecar } from '../../wire/index.ts';
import type { Stream } from '../streams/stream.ts';
import type { RelaySocket, RelaySocketOptions, RelayTarget } from './relay-socket.ts';

/** Sockets of one registration on different relay replicas (our-side §4): one may go without a gap. A third would only cost. */
const MAX_RELAYS = 2;
/** Sockets that wait for their streams to end at relays that went away. More relays than these never drain in one minute. */
const MAX_LEAVING = 4;
/** A further `move` within this time is answered no faster: a relay that only ever says it must not keep us dialling. */
const MOVE_PAUSE_MS = 1000;

/** What a registry says about the relays that there are. */
export type Relays = Omit<Extract<WatchToSidecar, { type: 'relays' }>, 'type'>;

/** What its place among the others means for a socket. */
export type Slot = Pick<RelaySocketOptions, 'holds' | 'othersDial' | 'onMove' | 'onChange'>;

export interface RelaySlotsOptions {
  readonly target: RelayTarget;
  /** Relay replicas that there are, as far as known. */
  readonly relays: Relays;
  readonly clock: Clock;
  readonly open: (target: RelayTarget, slot: Slot) => RelaySocket;
  /** A socket opened, closed, or is done. */
  readonly onChange: () => void;
}

/**
 * The sockets of one registration: on as many replicas as there are, two at most. A socket whose relay goes away keeps its streams while
 * another takes its place; once one is present elsewhere, that relay is told, and sends nobody new. A socket at a relay that does not
 * forward stays, since its relay may be mended, but another is had in its place.
 */
export class RelaySlots {
  readonly #options: RelaySlotsOptions;
  #sockets: RelaySocket[] = [];
  /** At relays that go away. */
  #leaving: RelaySocket[] = [];
  #target: RelayTarget;
  #wanted: number;
  #movedTime = 0;
  #notForwarding: ReadonlySet<BootId>;
  #retired = false;
  #closed = false;

  constructor(options: RelaySlotsOptions) {
    this.#options = options;
    this.#target = options.target;
    this.#wanted = wantedOf(options.relays);
    this.#notForwarding = new Set(options.relays.notForwarding);
  }

  start(): void {
    this.#fill();
  }

  /** On a live socket of a relay that may send harnesses here. */
  get present(): boolean {
    return this.#all.some(({ present }) => present);
  }

  /** Retired, and the last stream ended. */
  get isDone(): boolean {
    return this.#retired && this.#all.every(({ isDone }) => isDone);
  }

  /** Which replicas there are. Fewer close no socket that is open: who is counted out closes it himself. */
  setRelays(relays: Relays): void {
    this.#wanted = wantedOf(relays);
    this.#notForwarding = new Set(relays.notForwarding);
    this.#dropSurplus();
    this.#fill();
  }

  setTarget(target: RelayTarget): void {
    this.#target = target;
    for (const socket of this.#all) socket.setTarget(target);
  }

  sendSessions(): void {
    for (const socket of this.#all) socket.sendSessions();
  }

  /** The key is gone: no new streams, no redial; each socket closes when its last stream ends (our-side §7). */
  retire(): void {
    this.#retired = true;
    for (const socket of this.#all) socket.retire();
  }

  /** The key came back before the last stream ended. */
  reinstate(): void {
    this.#retired = false;
    for (const socket of this.#all) socket.reinstate();
    this.#sockets = this.#sockets.filter(({ isDone }) => !isDone);
    this.#fill();
  }

  async endStreams(hits: (stream: Stream) => boolean, reason: string): Promise<void> {
    await Promise.all(this.#all.map((socket) => socket.endStreams(hits, reason)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((socket) => socket.close()));
  }

  get #all(): readonly RelaySocket[] {
    return [...this.#sockets, ...this.#leaving];
  }

  /** Those that count: at relays that forward, as far as known, or dialling. */
  get #sound(): readonly RelaySocket[] {
    return this.#sockets.filter(({ bootId }) => bootId === undefined || !this.#notForwarding.has(bootId));
  }

  /** One after the other: two that dial at once may land on the same replica. */
  #fill(afterMs = 0): void {
    if (this.#closed || this.#retired || this.#sound.length >= this.#wanted) return;
    if (this.#sockets.every(({ isOpen }) => isOpen)) this.#open(afterMs);
  }

  #dropSurplus(): void {
    const sound = this.#sound;
    const surplus = Math.max(0, sound.length - this.#wanted);
    const closed = sound.filter(({ isOpen }) => !isOpen).slice(-surplus);
    if (surplus > 0) for (const socket of closed) socket.abandon();
    this.#sockets = this.#sockets.filter(({ isDone }) => !isDone);
  }

  #open(afterMs: number): void {
    const socket: RelaySocket = this.#options.open(this.#target, {
      holds: () => this.#all.flatMap(({ bootId }) => bootId ?? []),
      othersDial: () => this.#sockets.some((other) => other !== socket && other.isDialling),
      onMove: () => this.#move(socket),
      onChange: () => this.#changed(),
    });
    this.#sockets.push(socket);
    socket.start(afterMs);
  }

  #move(socket: RelaySocket): void {
    if (!this.#sockets.includes(socket)) return;
    this.#sockets = this.#sockets.filter((each) => each !== socket);
    this.#leaving.push(socket);
    socket.stay();
    for (const oldest of this.#leaving.slice(0, -MAX_LEAVING)) void oldest.close();
    const now = this.#options.clock.now();
    this.#fill(now - this.#movedTime < MOVE_PAUSE_MS ? MOVE_PAUSE_MS : 0);
    this.#movedTime = now;
    this.#changed();
  }

  #changed(): void {
    this.#leaving = this.#leaving.filter(({ isDone }) => !isDone);
    if (this.#sockets.some(({ present }) => present)) for (const socket of this.#leaving) socket.leave();
    this.#dropSurplus();
    this.#fill();
    this.#options.onChange();
  }
}

function wantedOf({ count }: Relays): number {
  return Math.min(MAX_RELAYS, Math.max(1, count));
}
