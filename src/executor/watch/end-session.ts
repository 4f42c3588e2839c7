import type { Clock } from '../../telemetry/index.ts';
import { type MessageReceiver, type MessageTransport, RPC_CODES, RpcError, RpcPeer } from '../../wire/index.ts';
import type { Runtime } from '../options.ts';
import { Pause } from '../pause.ts';
import type { Session } from '../sessions/session-table.ts';
import { Loopback, type LoopbackTarget } from '../streams/loopback.ts';

/** Streams and processes end within 10 s (our-side §8). */
const WITHIN_MS = 10_000;
/** -32010: the exec-server has not noticed yet that the stream is gone. */
const BUSY_TRIES = 20;
const BUSY_PAUSE_MS = 100;

export interface EndSessionOptions {
  session: Session;
  runtime: Runtime;
  target: LoopbackTarget;
}

/**
 * Terminates what runs in a session that no stream is attached to, over a connection of our own that resumes it. Done as well when the
 * exec-server no longer knows it. Throws `ExecutorError` when the exec-server is not there, `RpcError` when it refuses.
 */
export async function endSession({ session, runtime, target }: EndSessionOptions): Promise<void> {
  const abort = new AbortController();
  const timer = target.clock.after(WITHIN_MS, () => abort.abort());
  try {
    const loopback = await Loopback.dial(target, abort.signal);
    const peer = new RpcPeer(new LoopbackTransport(loopback), {
      request: (method) => {
        throw new RpcError(RPC_CODES.METHOD_NOT_FOUND, `${method} is not for the sidecar`);
      },
      notification: () => undefined,
    });
    try {
      await resume(peer, session.sessionId, target.clock, abort.signal);
      await terminate(peer, session, runtime, abort.signal);
    } finally {
      peer.close();
    }
  } catch (error) {
    if (!isUnknownSession(error)) throw error;
  } finally {
    timer.cancel();
  }
}

async function resume(peer: RpcPeer, resumeSessionId: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const pause = new Pause(clock);
  for (let tries = 1; ; tries += 1) {
    try {
      await peer.request('initialize', { clientName: 'noisefleet-executor', resumeSessionId }, { signal });
      break;
    } catch (error) {
      const isBusy = error instanceof RpcError && error.code === RPC_CODES.SESSION_ATTACHED;
      if (!isBusy || tries >= BUSY_TRIES) throw error;
      await pause.wait(BUSY_PAUSE_MS);
    }
  }
  peer.notify('initialized', {});
}

async function terminate(peer: RpcPeer, session: Session, runtime: Runtime, signal: AbortSignal): Promise<void> {
  if (runtime === 'BuiltIn') {
    await peer.request('noisefleet/endSession', {}, { signal });
    return;
  }
  for (const processId of session.processIds) await peer.request('process/terminate', { processId }, { signal });
}

function isUnknownSession(error: unknown): boolean {
  return error instanceof RpcError && error.code === RPC_CODES.INVALID_REQUEST;
}

/** A loopback connection as wire's RPC takes it. */
class LoopbackTransport implements MessageTransport {
  readonly #loopback: Loopback;

  constructor(loopback: Loopback) {
    this.#loopback = loopback;
  }

  open(receiver: MessageReceiver): void {
    this.#loopback.open({ message: (bytes) => receiver.message(bytes), lost: () => receiver.closed() });
  }

  send(message: Uint8Array): void {
    this.#loopback.send(message);
  }

  bufferedBytes(): number {
    return this.#loopback.bufferedBytes;
  }

  close(): void {
    void this.#loopback.close();
  }
}
