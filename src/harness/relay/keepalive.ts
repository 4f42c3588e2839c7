import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../../telemetry/index.ts';

/** We ask the relay for a sign of life this often (our-side §4). */
const PING_INTERVAL_MS = 5000;

/** Without one for this long the relay is gone, whatever TCP says (our-side §4). */
const SILENCE_MS = 10_000;

export interface KeepaliveOptions {
  socket: WebSocket;
  clock: Clock;
  /** Bytes given to the network so far and not queued here: grows while a slow relay still reads. */
  flushedBytes?: () => number;
  /** Called once; the keepalive has stopped by then. */
  onSilence: () => void;
}

/**
 * Pings a relay socket and says when it fell silent. Anything received is a sign of life, and so is progress of what we send while the
 * network holds us back: our ping then waits behind our own data. While we do not read (back-pressure) nothing is concluded.
 */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  readonly #alive = () => {
    this.#lastSign = this.#options.clock.now();
  };
  #lastSign: number;
  #flushed = 0;
  #heldBack = false;
  #timer: Timer | undefined;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#lastSign = options.clock.now();
    for (const sign of ['pong', 'ping', 'message'] as const) options.socket.on(sign, this.#alive);
    options.socket.once('close', () => this.stop());
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const sign of ['pong', 'ping', 'message'] as const) this.#options.socket.off(sign, this.#alive);
  }

  /** At the latest when the silence is too long: streams wait for what follows, and a whole interval more would be theirs to wait. */
  #arm(): void {
    const { clock } = this.#options;
    const patienceMs = this.#lastSign + SILENCE_MS - clock.now();
    this.#timer = clock.after(Math.min(PING_INTERVAL_MS, patienceMs), () => this.#tick());
  }

  #tick(): void {
    const { socket, clock, onSilence } = this.#options;
    if (socket.isPaused || this.#progressed()) this.#alive();
    if (clock.now() - this.#lastSign >= SILENCE_MS) {
      this.stop();
      onSilence();
      return;
    }
    if (socket.readyState === socket.OPEN) socket.ping();
    this.#arm();
  }

  /** Only while something is queued on both looks: else the system's own buffers would hide a dead peer. */
  #progressed(): boolean {
    const flushed = this.#options.flushedBytes?.() ?? 0;
    const heldBack = this.#options.socket.bufferedAmount > 0;
    const progressed = heldBack && this.#heldBack && flushed > this.#flushed;
    this.#flushed = flushed;
    this.#heldBack = heldBack;
    return progressed;
  }
}
