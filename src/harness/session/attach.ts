import type { WebSocket } from 'ws';
import type { Keypair } from '../../noise/index.ts';
import type { Clock } from '../../telemetry/index.ts';
import {
  type EnvironmentInfo,
  type Fingerprint,
  INITIALIZED_NOTIFICATION,
  parseExecResult,
  RPC_CODES,
  RpcError,
  type RpcHandlers,
  RpcPeer,
  WireError,
} from '../../wire/index.ts';
import { HarnessError, messageOf } from '../error.ts';
import { type ConnectBundle, connect } from '../registry/connect.ts';
import type { CredentialAhead } from '../registry/credential.ts';
import type { RegistryEndpoint } from '../registry/endpoint.ts';
import type { RemoteKeys } from '../registry/remote-keys.ts';
import { dialRelay } from '../relay/dial.ts';
import { ChannelTransport, type Traffic } from './channel-transport.ts';
import { shakeHands } from './handshake.ts';

/** Noise handshake and the answer to `initialize` together, in milliseconds (contract §8.2). */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What the executor knows us as. Travels inside the channel. */
const CLIENT_NAME = 'noisefleet';

export interface AttachContext {
  endpoint: RegistryEndpoint;
  credentials: CredentialAhead;
  keypair: Keypair;
  remoteKeys: RemoteKeys;
  clock: Clock;
  traffic: Traffic;
}

export interface AttachRequest {
  /** Undefined opens a new session. */
  resume?: {
    sessionId: string;
    /** The key that the session was opened under: another one is refused. */
    fingerprint: Fingerprint;
  };
  handlers: RpcHandlers;
  signal: AbortSignal;
}

/** A connection that may be used: initialised, on one stream. */
export interface Attachment {
  readonly peer: RpcPeer;
  readonly transport: ChannelTransport;
  readonly sessionId: string;
  readonly fingerprint: Fingerprint;
  readonly info: EnvironmentInfo;
  readonly relayHost: string;
}

/**
 * One attempt at a connection: `connect`, relay, handshake, `initialize`. A relay that answers 401 is asked again once with a fresh bundle
 * (contract §8.2).
 *
 * @throws HarnessError; `retryable` says whether another attempt may help
 */
export async function attach(context: AttachContext, request: AttachRequest): Promise<Attachment> {
  try {
    return await attachOnce(context, request);
  } catch (error) {
    if (!(error instanceof HarnessError) || error.step !== 'relay' || error.status !== 401) throw error;
    return attachOnce(context, request);
  }
}

async function attachOnce(context: AttachContext, request: AttachRequest): Promise<Attachment> {
  const { endpoint, credentials, keypair, remoteKeys, clock } = context;
  const { signal, resume } = request;
  const bundle = await connect({
    endpoint,
    credentials,
    harnessKey: keypair.publicKey,
    remoteKeys,
    clock,
    signal,
  });
  if (resume && resume.fingerprint !== bundle.fingerprint) {
    throw new HarnessError(
      'executor_key_changed',
      'recovery',
      `the executor's key changed from ${resume.fingerprint} to ${bundle.fingerprint} while the session was being recovered`,
    );
  }
  const { trust } = endpoint;
  const socket = await dialRelay({ url: bundle.relayUrl, clock, signal, ...(trust && { trust }) });
  try {
    return await initialise(socket, bundle, context, request);
  } catch (error) {
    socket.terminate();
    throw error;
  }
}

async function initialise(
  socket: WebSocket,
  bundle: ConnectBundle,
  { endpoint, keypair, clock, traffic }: AttachContext,
  { resume, handlers, signal }: AttachRequest,
): Promise<Attachment> {
  const timeout = new AbortController();
  const timer = clock.after(HANDSHAKE_TIMEOUT_MS, () => timeout.abort(tooSlow()));
  const either = AbortSignal.any([signal, timeout.signal]);
  try {
    const { environmentId } = endpoint;
    const channel = await shakeHands({ socket, environmentId, bundle, keypair, traffic, signal: either });
    const transport = new ChannelTransport({ socket, channel, traffic, clock });
    const peer = new RpcPeer(transport, handlers);
    const params = { clientName: CLIENT_NAME, resumeSessionId: resume?.sessionId ?? null };
    const { sessionId, environmentInfo } = parseExecResult(
      'initialize',
      await peer.request('initialize', params, { signal: either }),
    );
    peer.notify(INITIALIZED_NOTIFICATION, {});
    // Executors before about 0.150 do not send it along (contract §9.1).
    const info =
      environmentInfo ??
      parseExecResult('environment/info', await peer.request('environment/info', {}, { signal: either }));
    const relayHost = new URL(bundle.relayUrl).host;
    return { peer, transport, sessionId, info, relayHost, fingerprint: bundle.fingerprint };
  } catch (error) {
    throw asAttachError(error, resume !== undefined);
  } finally {
    timer.cancel();
  }
}

function tooSlow(): HarnessError {
  const message = `the executor did not answer within ${HANDSHAKE_TIMEOUT_MS} ms`;
  return new HarnessError('handshake_timeout', 'handshake', message, { retryable: true });
}

function asAttachError(error: unknown, resuming: boolean): unknown {
  if (error instanceof HarnessError) return error;
  if (error instanceof RpcError) {
    // -32010: the old stream is still attached, which ends by itself. -32600 on a resume: the session is gone (contract §8.2).
    const gone = resuming && error.code === RPC_CODES.INVALID_REQUEST;
    return new HarnessError(gone ? 'session_lost' : 'initialize_refused', 'initialize', error.message, {
      retryable: error.code === RPC_CODES.SESSION_ATTACHED,
      cause: error,
    });
  }
  const cause = error instanceof WireError && error.code === 'closed' ? error.cause : undefined;
  if (cause instanceof HarnessError) return cause;
  return new HarnessError('relay_lost', 'initialize', messageOf(error), { retryable: true, cause: error });
}
