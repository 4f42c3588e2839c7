import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../telemetry/index.ts';
import { CONTROL_PING_INTERVAL_MS, CONTROL_PING_TIMEOUT_MS } from '../wire/index.ts';

export interface HeartbeatOptions {
  clock: Clock;
  /** Sends a ping with this nonce. */
  ping: (nonce: string) => void;
  /** Nothing at all came for 10 s: the connection is dead, whatever TCP believes. */
  onDead: () => void;
}

/** Pings every 5 s and gives up after 10 s of silence (our-side §4). Any message is a sign of life. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #lastHeard: number;
  #timer: Timer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#lastHeard = options.clock.now();
    this.#arm();
  }

  heard(): void {
    this.#lastHeard = this.#options.clock.now();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Looks at the latest when the silence is too long: a whole interval more would be one in which nobody is sent elsewhere. */
  #arm(): void {
    const { clock, ping, onDead } = this.#options;
    const patienceMs = this.#lastHeard + CONTROL_PING_TIMEOUT_MS - clock.now();
    this.#timer = clock.after(Math.min(CONTROL_PING_INTERVAL_MS, patienceMs), () => {
      if (clock.now() - this.#lastHeard >= CONTROL_PING_TIMEOUT_MS) {
        onDead();
        return;
      }
      ping(randomBytes(8).toString('hex'));
      this.#arm();
    });
  }
}
