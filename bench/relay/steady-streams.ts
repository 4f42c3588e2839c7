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
  /** What is on its way on each stream, oldest first. */
  readonly #underway: { readonly frame: Uint8Array; readonly sentAt: number }[][];
  readonly #sent: number[];
  #delays: number[] = [];

  private constructor(executor: PlayedExecutor, harnesses: readonly PlayedHarness[]) {
    this.#executor = executor;
    this.#harnesses = harnesses;
    this.#underway = harnesses.map(() => []);
    this.#sent = harnesses.map(() => 0);
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

  #send({ streamId }: PlayedHarness, i: number): void {
    const seq = this.#sent[i] ?? 0;
    const frame = encodeFrame({ streamId, body: { type: 'data', seq, payload: payloadOf(seq) } });
    const message = maskedMessage(frame);
    this.#sent[i] = seq + 1;
    this.#underway[i]?.push({ frame, sentAt: performance.now() });
    this.#executor.socket.write(message);
  }

  #listen(harness: PlayedHarness, i: number): void {
    harness.onMessage = (message) => {
      const next = this.#underway[i]?.shift();
      if (next === undefined || !message.equals(next.frame))
        throw new Error(`stream ${i} got something else than the next message`);
      this.#delays.push(performance.now() - next.sentAt);
    };
    harness.socket.once('close', () => {
      throw new Error('a healthy stream was closed');
    });
  }

  async #delivered(): Promise<void> {
    for (let waited = 0; this.#underway.some(({ length }) => length > 0); waited += TICK_MS) {
      if (waited > DELIVERY_LIMIT_MS)
        throw new Error(`sent ${this.#sent}, missing ${this.#underway.map(({ length }) => length)}`);
      await pause(TICK_MS);
    }
  }
}

/** Another one for each of 256. */
const PAYLOADS = Array.from({ length: 256 }, (_, byte) => Buffer.alloc(MESSAGE_BYTES, byte));

function payloadOf(seq: number): Buffer {
  return PAYLOADS[seq & 0xff] ?? Buffer.alloc(0);
}
