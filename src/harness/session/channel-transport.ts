import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../telemetry/index.ts';
import {
  BufferCollector,
  decodeFrame,
  type Frame,
  type MessageReceiver,
  type MessageTransport,
  type SecureChannel,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import { Keepalive } from '../relay/keepalive.ts';

/** Ciphertext queued in the socket above which no further record is sealed: a few of the largest frames. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** A closing handshake with the relay may take this long, in milliseconds. */
const CLOSE_PATIENCE_MS = 1000;

/** What went over one relay socket, ciphertext and envelope included. */
export interface Traffic {
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
}

export interface ChannelTransportOptions {
  socket: WebSocket;
  channel: SecureChannel;
  /** Counted into; the handshake's frames are in it already. */
  traffic: Traffic;
  clock: Clock;
}

/** JSON-RPC messages over the Noise channel of one relay socket (contract §6). Reading can be stopped, which holds the executor back. */
export class ChannelTransport implements MessageTransport {
  readonly #socket: WebSocket;
  readonly #channel: SecureChannel;
  readonly #traffic: Traffic;
  readonly #clock: Clock;
  readonly #keepalive: Keepalive;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #sealing: Iterator<Uint8Array> | undefined;
  #wasHeldBack = false;
  #receiver: MessageReceiver | undefined;
  #ended = false;

  constructor({ socket, channel, traffic, clock }: ChannelTransportOptions) {
    this.#socket = socket;
    this.#channel = channel;
    this.#traffic = traffic;
    this.#clock = clock;
    this.#keepalive = new Keepalive({
      socket,
      clock,
      flushedBytes: () => traffic.bytesSent - socket.bufferedAmount,
      onSilence: () => this.#end(new HarnessError('relay_lost', 'relay', 'the relay fell silent', { retryable: true })),
    });
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = receiver;
    this.#socket.on('message', (data: RawData, binary: boolean) => this.#take(data, binary));
    this.#socket.once('close', (code) => this.#end(lost(`the relay closed the connection (${code})`)));
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.resume();
    else this.#end(lost('the relay closed the connection'));
  }

  send(message: Uint8Array): void {
    if (this.#ended) return;
    this.#queue.push(message);
    this.#queuedBytes += message.length;
    this.#pump();
  }

  bufferedBytes(): number {
    return this.#queuedBytes + this.#socket.bufferedAmount;
  }

  /** Off stops reading the relay's socket: its queues and the executor's fill up, nothing is lost. */
  setReading(on: boolean): void {
    if (this.#ended) return;
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  close(): void {
    this.#end();
  }

  #pump(): void {
    while (!this.#ended && this.#socket.bufferedAmount < HIGH_WATER_BYTES) {
      const frame = this.#nextFrame();
      if (!frame) break;
      this.#traffic.framesSent += 1;
      this.#traffic.bytesSent += frame.length;
      this.#socket.send(frame, { binary: true }, () => this.#pump());
    }
    this.#tellWhenDrained();
  }

  /** The next record of the message being sent, or the first of the next one. */
  #nextFrame(): Uint8Array | undefined {
    for (;;) {
      const next = this.#sealing?.next();
      if (next && next.done !== true) return next.value;
      const message = this.#queue.shift();
      this.#sealing = message && this.#channel.seal(message)[Symbol.iterator]();
      if (!message) return undefined;
      this.#queuedBytes -= message.length;
    }
  }

  #tellWhenDrained(): void {
    const heldBack = this.bufferedBytes() >= HIGH_WATER_BYTES;
    const drained = this.#wasHeldBack && !heldBack;
    this.#wasHeldBack = heldBack;
    if (drained) this.#receiver?.drained();
  }

  #take(data: RawData, binary: boolean): void {
    if (this.#ended || !this.#receiver) return;
    const bytes = asBytes(data);
    this.#traffic.framesReceived += 1;
    this.#traffic.bytesReceived += bytes.length;
    BufferCollector.ofProcess().count(bytes.length);
    try {
      if (!binary) throw new Error('a text message');
      const frame = decodeFrame(bytes);
      if (frame.streamId === this.#channel.streamId) this.#takeFrame(frame, this.#receiver);
    } catch (cause) {
      this.#end(new HarnessError('protocol_violation', 'request', messageOf(cause), { retryable: true, cause }));
    }
  }

  #takeFrame({ body }: Frame, receiver: MessageReceiver): void {
    switch (body.type) {
      case 'data':
        for (const message of this.#channel.receive(body)) receiver.message(message);
        return;
      case 'reset':
        this.#end(lost('the stream was reset'));
        return;
      case 'handshake':
        throw new Error('a second handshake message');
      default:
        return;
    }
  }

  #end(cause?: HarnessError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#keepalive.stop();
    this.#channel.close();
    this.#queue.length = 0;
    this.#leaveSocket(cause !== undefined);
    this.#receiver?.closed(cause);
  }

  #leaveSocket(atOnce: boolean): void {
    const socket = this.#socket;
    if (socket.readyState === socket.CLOSED) return;
    if (atOnce) {
      socket.terminate();
      return;
    }
    socket.resume();
    socket.close(1000);
    const timer = this.#clock.after(CLOSE_PATIENCE_MS, () => socket.terminate());
    socket.once('close', () => timer.cancel());
  }
}

export function asBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function lost(message: string): HarnessError {
  return new HarnessError('relay_lost', 'relay', message, { retryable: true });
}
