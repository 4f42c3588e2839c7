import { encodeFrame } from '../../src/wire/index.ts';
import { maskedMessage } from './load.ts';
import { pause, percentile } from './outcome.ts';
import type { PlayedExecutor, PlayedFleet, PlayedHarness } from './played-fleet.ts';

const MESSAGE_BYTES = 1_024;
const TICK_MS = 2;
const DELIVERY_LIMIT_MS = 5_000;

/**
 * Streams that take 500 messages of 1 KiB a second each from one executor, and how long every message is on its way. One that is lost,
 * changed or out of order fails the row, and so does the end of a stream.
 */
export class SteadyStreams {
  readonly #executor: PlayedExecutor;
  readonly #harnesses: readonly PlayedHarness[];
  readonly #sentAt: number[][];
  readonly #received: number[];
  #delays: number[] = [];

  private constructor(executor: PlayedExecutor, harnesses: readonly PlayedHarness[]) {
    this.#executor = executor;
    this.#harnesses = harnesses;
    this.#sentAt = harnesses.map(() => []);
    this.#received = harnesses.map(() => 0);
    for (const [i, harness] of harnesses.entries()) this.#listen(harness, i);
  }

  static async open(fleet: PlayedFleet, executor: PlayedExecutor, count: number): Promise<SteadyStreams> {
    return new SteadyStreams(executor, await fleet.harnesses([executor], count, count));
  }

  /**
   * Sends until `over`, and waits until all is there. Returns the 99th percentile of the delays, in milliseconds.
   *
   * @param onTick before the messages of each tick
   */
  async p99While(over: () => Promise<void>, onTick: (tick: number) => void = () => {}): Promise<number> {
    this.#delays = [];
    let tick = 0;
    const sending = setInterval(() => {
      onTick(tick);
      tick += 1;
      for (const [i, harness] of this.#harnesses.entries()) this.#send(harness, i);
    }, TICK_MS);
    await over();
    clearInterval(sending);
    await this.#delivered();
    return percentile(this.#delays, 0.99);
  }

  #send(harness: PlayedHarness, i: number): void {
    const times = this.#sentAt[i] ?? [];
    const message = maskedMessage(messageTo(harness, times.length));
    times.push(performance.now());
    this.#executor.socket.write(message);
  }

  #listen(harness: PlayedHarness, i: number): void {
    harness.onMessage = (message) => {
      const seq = this.#received[i] ?? 0;
      if (!message.equals(messageTo(harness, seq)))
        throw new Error(`stream ${i} got something else than message ${seq}`);
      this.#delays.push(performance.now() - (this.#sentAt[i]?.[seq] ?? Number.NaN));
      this.#received[i] = seq + 1;
    };
    harness.socket.once('close', () => {
      throw new Error('a healthy stream was closed');
    });
  }

  async #delivered(): Promise<void> {
    const sent = this.#sentAt.map(({ length }) => length);
    for (let waited = 0; !this.#received.every((count, i) => count === sent[i]); waited += TICK_MS) {
      if (waited > DELIVERY_LIMIT_MS) throw new Error(`sent ${sent}, received ${this.#received}`);
      await pause(TICK_MS);
    }
  }
}

function messageTo({ streamId }: PlayedHarness, seq: number): Uint8Array {
  const payload = Buffer.alloc(MESSAGE_BYTES, seq & 0xff);
  return encodeFrame({ streamId, body: { type: 'data', seq, payload } });
}
