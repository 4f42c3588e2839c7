import type { SecureChannel } from '../../wire/index.ts';
import { FlowWindow } from './flow.ts';

/**
 * From the exec-server to the harness: seals messages record by record, only as fast as the harness takes them. What does not fit into the
 * window stays here unsealed, and its sender is no longer read.
 */
export class Outbound {
  readonly #channel: SecureChannel;
  readonly #send: (frame: Uint8Array) => void;
  readonly #window = new FlowWindow();
  readonly #messages: Uint8Array[] = [];
  #frames: Iterator<Uint8Array> | undefined;
  /** Of the message that is being sealed. */
  #sealing = 0;
  #waiting = 0;
  /** Sealed, so its turn is fixed; waits for room. */
  #next: Uint8Array | undefined;
  #held = false;

  constructor(channel: SecureChannel, send: (frame: Uint8Array) => void) {
    this.#channel = channel;
    this.#send = send;
  }

  /** Whether something waits: the loopback socket should not be read meanwhile. */
  get blocked(): boolean {
    return this.#held || this.#next !== undefined || this.#messages.length > 0;
  }

  /** Bytes of messages that are not wholly sealed. */
  get waitingBytes(): number {
    return this.#waiting;
  }

  get sentBytes(): number {
    return this.#window.sentBytes;
  }

  /** A frame of this stream that was sent by other hands (message 2) counts too. */
  countSent(bytes: number): void {
    this.#window.sent(bytes);
  }

  /** Throws WireError when the channel cannot carry the message; the stream is then to be reset. */
  push(message: Uint8Array): void {
    this.#messages.push(message);
    this.#waiting += message.length;
    this.#pump();
  }

  delivered(total: number): void {
    this.#window.delivered(total);
    this.#pump();
  }

  /** Queues, until `release`, what is pushed. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#pump();
  }

  #pump(): void {
    while (!this.#held) {
      this.#next ??= this.#seal();
      if (this.#next === undefined || !this.#window.admits(this.#next.length)) return;
      this.#window.sent(this.#next.length);
      this.#send(this.#next);
      this.#next = undefined;
    }
  }

  #seal(): Uint8Array | undefined {
    for (;;) {
      const frame = this.#frames?.next();
      if (frame !== undefined && frame.done !== true) return frame.value;
      this.#waiting -= this.#sealing;
      const message = this.#messages.shift();
      this.#sealing = message?.length ?? 0;
      this.#frames = message === undefined ? undefined : this.#channel.seal(message)[Symbol.iterator]();
      if (this.#frames === undefined) return undefined;
    }
  }
}
