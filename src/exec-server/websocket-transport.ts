import type { RawData, WebSocket } from 'ws';
import { BufferCollector, type MessageReceiver, type MessageTransport } from '../wire/index.ts';
import { PUMP_LOW_WATER_BYTES } from './limits.ts';

/** JSON-RPC over a WebSocket: one object per message, read from text and binary messages alike, sent as text (contract §12). */
export class WebSocketTransport implements MessageTransport {
  readonly #socket: WebSocket;
  #receiver: MessageReceiver | undefined;
  #draining = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  open(receiver: MessageReceiver): void {
    this.#receiver = receiver;
    this.#socket.on('message', (data: RawData) => receiver.message(bytesOf(data)));
    this.#socket.once('close', () => receiver.closed());
    // A message over the limit, invalid UTF-8, a bad frame: ws closes the socket itself with the fitting code.
    this.#socket.on('error', () => undefined);
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    BufferCollector.ofProcess().count(message.length);
    this.#socket.send(message, { binary: false }, () => this.#sent());
    if (this.#socket.bufferedAmount > PUMP_LOW_WATER_BYTES) this.#draining = true;
  }

  bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Stops reading: the other side's `send` waits in its own socket. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  /** At once, without waiting for the other side. */
  destroy(): void {
    this.#socket.terminate();
  }

  #sent(): void {
    if (!this.#draining || this.#socket.bufferedAmount > PUMP_LOW_WATER_BYTES) return;
    this.#draining = false;
    this.#receiver?.drained();
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
