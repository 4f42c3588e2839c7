import { randomUUID } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import type { Keypair } from '../../noise/index.ts';
import {
  ChannelError,
  decodeFrame,
  type EnvironmentId,
  encodeFrame,
  type FrameBody,
  parseStreamId,
  type SecureChannel,
  startChannel,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import type { ConnectBundle } from '../registry/connect.ts';
import { asBytes, type Traffic } from './channel-transport.ts';

export interface HandshakeOptions {
  /** Paused; paused again on return. */
  socket: WebSocket;
  environmentId: EnvironmentId;
  bundle: ConnectBundle;
  keypair: Keypair;
  traffic: Traffic;
  signal: AbortSignal;
}

/**
 * Claims a fresh stream at the relay and proves both keys (contract §7.1).
 *
 * @throws HarnessError `handshake_failed` (retryable), `executor_credential_rejected`, the signal's reason
 */
export async function shakeHands(options: HandshakeOptions): Promise<SecureChannel> {
  const { socket, environmentId, bundle, keypair, traffic, signal } = options;
  const streamId = parseStreamId(randomUUID());
  const started = startChannel({
    environmentId,
    registrationId: bundle.registrationId,
    streamId,
    keypair,
    executorPublicKey: bundle.executorKey,
    authorization: bundle.authorization,
  });
  for (const frame of [encodeFrame({ streamId, body: { type: 'resume', nextSeq: 0 } }), started.handshake]) {
    traffic.framesSent += 1;
    traffic.bytesSent += frame.length;
    socket.send(frame, { binary: true });
  }
  const message2 = await firstAnswer(socket, signal, (bytes) => {
    traffic.framesReceived += 1;
    traffic.bytesReceived += bytes.length;
    const frame = decodeFrame(bytes);
    return frame.streamId === streamId ? handshakePayload(frame.body) : undefined;
  });
  try {
    return started.finish(message2);
  } catch (cause) {
    throw asHandshakeError(cause);
  }
}

/** Message 2, or undefined for frames that mean nothing here. Throws on what fails the attempt (contract §7.1). */
function handshakePayload(body: FrameBody): Uint8Array | undefined {
  switch (body.type) {
    case 'handshake':
      return body.payload;
    case 'data':
      throw new Error('data before the handshake was answered');
    case 'reset':
      throw new Error('the executor or the relay reset the stream');
    default:
      return undefined;
  }
}

function firstAnswer(
  socket: WebSocket,
  signal: AbortSignal,
  read: (bytes: Uint8Array) => Uint8Array | undefined,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const taken = (data: RawData, binary: boolean) => {
    try {
      if (!binary) throw new Error('a text message');
      const payload = read(asBytes(data));
      if (!payload) return;
      // Stopped here and not after the promise: the next message may be in the same packet.
      stop();
      resolve(payload);
    } catch (cause) {
      stop();
      reject(asHandshakeError(cause));
    }
  };
  const closed = (code: number) => {
    stop();
    reject(asHandshakeError(new Error(`the relay closed the connection (${code})`)));
  };
  const aborted = () => {
    stop();
    reject(signal.reason);
  };
  const stop = () => {
    socket.pause();
    socket.off('message', taken);
    socket.off('close', closed);
    signal.removeEventListener('abort', aborted);
  };
  socket.on('message', taken);
  socket.once('close', closed);
  signal.addEventListener('abort', aborted, { once: true });
  if (signal.aborted) aborted();
  else if (socket.readyState === socket.OPEN) socket.resume();
  else closed(1006);
  return promise;
}

function asHandshakeError(cause: unknown): HarnessError {
  if (cause instanceof ChannelError && cause.code === 'registry_authentication_rejected') {
    return new HarnessError(
      'executor_credential_rejected',
      'handshake',
      "the registry refuses the executor's own credential: it must be given a new one",
      { cause },
    );
  }
  return new HarnessError('handshake_failed', 'handshake', messageOf(cause), { retryable: true, cause });
}
