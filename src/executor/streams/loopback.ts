import { WebSocket } from 'ws';
import type { Clock } from '../../telemetry/index.ts';
import { BufferCollector, MAX_RPC_BYTES } from '../../wire/index.ts';
import { Backoff } from '../backoff.ts';
import { ExecutorError } from '../errors.ts';
import { Pause } from '../pause.ts';

/** One try on loopback is answered at once or the exec-server hangs. */
const DIAL_TIMEOUT_MS = 2000;
/** A harness waits 10 s for handshake and `initialize` (contract §8.2): an exec-server that restarts has this long to come back. */
const DIAL_WITHIN_MS = 8000;
const DIAL_BACKOFF = { baseMs: 100, capMs: 1000 };
/** An exec-server that does not answer our close frame is cut off. */
const CLOSE_TIMEOUT_MS = 2000;

export interface LoopbackTarget {
  /** `ws://127.0.0.1:PORT` */
  url: string;
  /** The sidecar's secret towards its exec-server. */
  token: string;
  clock: Clock;
}

export interface LoopbackReceiver {
  message(bytes: Uint8Array): void;
  /** Once, when the exec-server closed or was lost; not after our own `close`. */
  lost(): void;
}

/** One stream's connection to the exec-server: one JSON-RPC object per text message (contract §12). */
export class Loopback {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #closed: Promise<void>;
  #receiver: LoopbackReceiver | undefined;

  private constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('message', (data) => {
      if (!Buffer.isBuffer(data)) return;
      BufferCollector.ofProcess().count(data.length);
      this.#receiver?.message(data);
    });
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#receiver?.lost();
        resolve();
      });
    });
  }

  /**
   * Dials until the exec-server is there. Throws `ExecutorError` `exec_server_refused` (not our token) or `exec_server_unreachable`, after
   * 8 s or as soon as `signal` fires.
   */
  static async dial({ url, token, clock }: LoopbackTarget, signal: AbortSignal): Promise<Loopback> {
    const deadline = clock.now() + DIAL_WITHIN_MS;
    const backoff = new Backoff(DIAL_BACKOFF);
    const pause = new Pause(clock);
    signal.addEventListener('abort', () => pause.stop(), { once: true });
    for (;;) {
      await pause.wait(backoff.next());
      const dialled = signal.aborted ? undefined : await dialOnce(url, token);
      if (dialled instanceof WebSocket && !signal.aborted) return new Loopback(dialled, clock);
      if (dialled instanceof WebSocket) dialled.terminate();
      else if (dialled !== undefined && clock.now() >= deadline) throw dialled;
      if (signal.aborted) throw new ExecutorError('exec_server_unreachable', 'dial', 'the stream ended first');
    }
  }

  /** Starts delivery. */
  open(receiver: LoopbackReceiver): void {
    this.#receiver = receiver;
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message, { binary: false });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Stops reading: the exec-server feels it and holds back. Some messages that were already read may still come. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says goodbye; resolves when the connection is gone, so that the exec-server has detached its session. */
  async close(): Promise<void> {
    this.#receiver = undefined;
    this.#socket.resume();
    this.#socket.close(1000);
    const timer = this.#clock.after(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
    await this.#closed;
    timer.cancel();
  }
}

async function dialOnce(url: string, token: string): Promise<WebSocket | ExecutorError> {
  const socket = new WebSocket(url, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    maxPayload: MAX_RPC_BYTES,
    handshakeTimeout: DIAL_TIMEOUT_MS,
  });
  // Errors are followed by 'close', which is where a lost connection is handled.
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (request, { statusCode }) => {
      request.destroy();
      resolve(new ExecutorError('exec_server_refused', 'dial', `the exec-server answered ${statusCode}`));
    });
    socket.once('error', (cause) => {
      resolve(new ExecutorError('exec_server_unreachable', 'dial', 'the exec-server is not there', cause));
    });
  });
}
