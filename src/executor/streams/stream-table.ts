import type { PublicKey } from '../../noise/index.ts';
import {
  type AcceptedChannel,
  acceptChannel,
  decodeFrame,
  type EnvironmentId,
  encodeFrame,
  type Frame,
  keyHash,
  probeNonce,
  probeText,
  REGISTRY_AUTHENTICATION_REJECTED,
  RESET_PROTOCOL_ERROR,
  RESET_REGISTRY_UNAVAILABLE,
  type RegistrationId,
  type StreamId,
} from '../../wire/index.ts';
import { codeOf } from '../errors.ts';
import type { ExecutorKey } from '../keys/executor-key.ts';
import type { RegistryClient, ValidateAnswer } from '../registration/registry-client.ts';
import type { DenyBook } from '../watch/deny-book.ts';
import { Stream, type StreamContext, type StreamLink, type StreamPeer } from './stream.ts';

/** One key, as the registry knows it in this environment. */
export interface Registration {
  readonly environmentId: EnvironmentId;
  readonly registrationId: RegistrationId;
  readonly key: ExecutorKey;
}

export interface StreamTableOptions {
  registration: Registration;
  client: Pick<RegistryClient, 'validate'>;
  denies: DenyBook;
  context: StreamContext;
  /** Sends one binary message on the socket. */
  send: (frame: Uint8Array) => void;
  isRetired: () => boolean;
  /** Called when the last stream ended. */
  onIdle: () => void;
}

/** What cancels a handshake that waits for the registry. */
interface Attempt {
  cancelled: boolean;
}

/** The streams of one relay socket, by the executor rules of contract §7.2. They live and die with the socket. */
export class StreamTable implements StreamLink {
  readonly #options: StreamTableOptions;
  readonly #streams = new Map<StreamId, Stream>();
  readonly #pending = new Map<StreamId, Attempt>();
  #closed = false;

  constructor(options: StreamTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size + this.#pending.size;
  }

  get retired(): boolean {
    return this.#options.isRetired();
  }

  send(frame: Uint8Array): void {
    if (!this.#closed) this.#options.send(frame);
  }

  ended(stream: Stream): void {
    if (this.#streams.get(stream.id) === stream) this.#streams.delete(stream.id);
    this.#checkIdle();
  }

  /** One binary message of the relay. A frame that breaks a rule is dropped (contract §4). */
  receive(bytes: Uint8Array): void {
    let frame: Frame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      this.#options.context.metrics.droppedFrames.add(1, { code: codeOf(error) });
      return;
    }
    const { streamId, body } = frame;
    if (body.type === 'data') {
      const stream = this.#streams.get(streamId);
      if (stream === undefined) this.#refuse(streamId, 'data_without_stream');
      else stream.receive(body);
    } else if (body.type === 'handshake') this.#handshake(streamId, body.payload);
    else if (body.type === 'reset') this.#wasReset(streamId);
  }

  delivered(streams: Readonly<Record<string, number>>): void {
    for (const stream of this.#streams.values()) {
      const total = streams[stream.id];
      if (total !== undefined) stream.delivered(total);
    }
  }

  /** Ends the streams that `hits`; resolves when their exec-server connections are closed. */
  async endWhere(hits: (stream: Stream) => boolean, reason: string): Promise<void> {
    await Promise.all([...this.#streams.values()].filter(hits).map((stream) => stream.end(reason)));
  }

  /** The socket is gone, or goes: `tell` sends each harness a reset first. */
  async close(reason: string, tell: boolean): Promise<void> {
    for (const attempt of this.#pending.values()) attempt.cancelled = true;
    if (tell) for (const streamId of this.#pending.keys()) this.#reset(streamId, RESET_PROTOCOL_ERROR);
    this.#pending.clear();
    const streams = [...this.#streams.values()];
    const ended = streams.map((stream) => stream.end(reason, tell));
    this.#closed = true;
    await Promise.all(ended);
  }

  #wasReset(streamId: StreamId): void {
    this.#cancel(streamId);
    void this.#streams.get(streamId)?.end('reset_by_peer', false);
  }

  #handshake(streamId: StreamId, message1: Uint8Array): void {
    if (this.#isProbe(streamId, message1)) return;
    const accepted = this.#obstacle(streamId) ?? this.#accept(streamId, message1);
    if (typeof accepted === 'string') {
      this.#refuse(streamId, accepted);
      return;
    }
    const attempt = { cancelled: false };
    this.#pending.set(streamId, attempt);
    void this.#validate(streamId, attempt, accepted);
  }

  /**
   * Answers a registry that asks whether its relay forwards. It costs less than any other handshake, which ends in one reset too, so it needs
   * no limit of its own; and it is answered also when there is no room, since that is not the relay's fault.
   */
  #isProbe(streamId: StreamId, message1: Uint8Array): boolean {
    const nonce = probeNonce(message1);
    if (nonce === undefined || this.#streams.has(streamId) || this.#pending.has(streamId)) return false;
    this.#options.context.metrics.handshakes.add(1, { result: 'probe' });
    this.#reset(streamId, probeText(nonce));
    return true;
  }

  /** Why a handshake is not even read: the rules of contract §7.2. */
  #obstacle(streamId: StreamId): string | undefined {
    if (this.#streams.has(streamId) || this.#pending.has(streamId)) return 'handshake_twice';
    if (this.retired) return 'key_retired';
    return this.#options.context.admission.hasRoom ? undefined : 'too_many_streams';
  }

  /** The harness's proved key and its authorization, or why not. */
  #accept(streamId: StreamId, message1: Uint8Array): AcceptedChannel | string {
    const { context, registration } = this.#options;
    const { environmentId, registrationId, key } = registration;
    const { keypair } = key;
    if (keypair === undefined) return 'key_retired';
    try {
      const accepted = acceptChannel({ environmentId, registrationId, streamId, keypair, message1 });
      return context.admission.beginValidation(keyHash(accepted.harnessKey)) ? accepted : 'too_many_pending';
    } catch (error) {
      // Counted in the metrics; anybody with a ticket could fill the log with these.
      context.logger.debug({ code: codeOf(error), key: key.id }, 'handshake failed');
      return 'handshake_failed';
    }
  }

  async #validate(streamId: StreamId, attempt: Attempt, accepted: AcceptedChannel): Promise<void> {
    const { client, denies, context, registration } = this.#options;
    const { harnessKey, authorization } = accepted;
    const asked = denies.mark();
    const { registrationId } = registration;
    const answer = await client.validate({ registrationId, streamId, harnessKey, authorization });
    context.admission.endValidation(keyHash(harnessKey));
    if (attempt.cancelled) return;
    this.#pending.delete(streamId);
    try {
      this.#decide({ streamId, accepted, answer, asked });
    } catch (error) {
      context.logger.error({ code: codeOf(error) }, 'handshake failed');
      this.#refuse(streamId, 'handshake_failed');
    }
    this.#checkIdle();
  }

  #decide({ streamId, accepted, answer, asked }: Decision): void {
    const { context } = this.#options;
    switch (answer.kind) {
      case 'unavailable':
        context.logger.warn({ code: answer.code }, 'authorization could not be validated');
        this.#refuse(streamId, 'registry_unavailable', RESET_REGISTRY_UNAVAILABLE);
        return;
      case 'invalid':
        this.#refuse(streamId, 'authorization_invalid');
        return;
      case 'credential_rejected': {
        context.logger.error('registry refuses our token');
        context.metrics.handshakes.add(1, { result: 'credential_rejected' });
        const { message2 } = accepted.respond(Buffer.from(REGISTRY_AUTHENTICATION_REJECTED));
        this.send(encodeFrame({ streamId, body: { type: 'handshake', payload: message2 } }));
        return;
      }
      case 'valid': {
        const peer = this.#peer(accepted.harnessKey, answer);
        const refusal = this.#refusal(peer, accepted.authorization, { jti: answer.jti, asked });
        if (refusal === undefined) this.#open(streamId, accepted, peer);
        else this.#refuse(streamId, refusal);
      }
    }
  }

  /** Why a harness that the registry let in is not let in all the same. */
  #refusal(
    peer: StreamPeer,
    authorization: string,
    { jti, asked }: { jti: string | undefined; asked: number },
  ): string | undefined {
    const { denies, context } = this.#options;
    if (denies.hitsSince(asked, peer)) return 'denied';
    if (this.retired) return 'key_retired';
    if (!context.admission.useAuthorization(authorization, jti)) return 'authorization_used';
    return context.admission.hasRoom ? undefined : 'too_many_streams';
  }

  #open(streamId: StreamId, accepted: AcceptedChannel, peer: StreamPeer): void {
    const { context } = this.#options;
    const { message2, channel } = accepted.respond();
    const frame = encodeFrame({ streamId, body: { type: 'handshake', payload: message2 } });
    const stream = new Stream({ streamId, peer, channel, context, link: this });
    this.#streams.set(streamId, stream);
    this.send(frame);
    context.metrics.handshakes.add(1, { result: 'accepted' });
    stream.start(frame.length);
  }

  #peer(harnessKey: PublicKey, proof: Extract<ValidateAnswer, { kind: 'valid' }>): StreamPeer {
    const { registrationId, key } = this.#options.registration;
    return {
      harness: keyHash(harnessKey),
      keyId: key.id,
      fingerprint: key.fingerprint,
      registrationId,
      // A registry that is not ours answers only `valid`.
      identity: proof.identity ?? 'unknown',
      identityHash: proof.identityHash ?? 'unknown',
      grant: proof.grant ?? 'unknown',
      audit: proof.jti ?? 'unknown',
      validatedTime: this.#options.context.clock.now(),
    };
  }

  #refuse(streamId: StreamId, result: string, reason = RESET_PROTOCOL_ERROR): void {
    this.#cancel(streamId);
    this.#options.context.metrics.handshakes.add(1, { result });
    this.#reset(streamId, reason);
  }

  #cancel(streamId: StreamId): void {
    const attempt = this.#pending.get(streamId);
    if (attempt === undefined) return;
    attempt.cancelled = true;
    this.#pending.delete(streamId);
    this.#checkIdle();
  }

  #reset(streamId: StreamId, reason: string): void {
    this.send(encodeFrame({ streamId, body: { type: 'reset', reason } }));
  }

  #checkIdle(): void {
    if (this.size === 0) this.#options.onIdle();
  }
}

interface Decision {
  streamId: StreamId;
  accepted: AcceptedChannel;
  answer: ValidateAnswer;
  /** The mark of the deny book when the registry was asked. */
  asked: number;
}
