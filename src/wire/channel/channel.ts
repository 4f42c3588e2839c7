import { isUtf8 } from 'node:buffer';
import {
  type CipherState,
  type CryptoProvider,
  HandshakeState,
  HYBRID_IK_PROTOCOL,
  type Keypair,
  type PublicKey,
} from '../../noise/index.ts';
import { REGISTRY_AUTHENTICATION_REJECTED } from '../codes.ts';
import { encodeDataFrame } from '../envelope/data-frame.ts';
import { encodeFrame } from '../envelope/encode.ts';
import type { DataBody } from '../envelope/frame.ts';
import { MAX_UINT32 } from '../envelope/schema.ts';
import { WireError } from '../errors.ts';
import type { StreamId } from '../ids.ts';
import { MAX_AUTHORIZATION_BYTES, MAX_RECORD_BYTES } from '../limits.ts';
import { ChannelError } from './error.ts';
import { cutMessage, MessageAssembler } from './framing.ts';
import { type ChannelBinding, channelPrologue } from './prologue.ts';
import { ReorderWindow } from './reorder.ts';

export interface StartChannelOptions extends ChannelBinding {
  /** The harness's own. */
  keypair: Keypair;
  executorPublicKey: PublicKey;
  /** `harness_key_authorization`; 1 to 4096 bytes of UTF-8. */
  authorization: string;
  crypto?: CryptoProvider;
}

/** A handshake that waits for message 2. */
export interface StartedChannel {
  /** The whole handshake frame with message 1. */
  handshake: Uint8Array;
  /**
   * Takes the payload of the executor's handshake frame, once.
   *
   * @throws ChannelError `registry_authentication_rejected`, `bad_message_2`, `state`
   */
  finish(message2: Uint8Array): SecureChannel;
}

/**
 * The harness's side (contract §5).
 *
 * @throws ChannelError `bad_authorization`; NoiseError for a key that is none
 */
export function startChannel(options: StartChannelOptions): StartedChannel {
  const { keypair, executorPublicKey, authorization, crypto, streamId } = options;
  const payload = Buffer.from(authorization, 'utf8');
  if (payload.length === 0 || payload.length > MAX_AUTHORIZATION_BYTES) {
    throw new ChannelError('bad_authorization', 'message 1', `${payload.length} bytes`);
  }
  const noise = HandshakeState.initialise({
    protocol: HYBRID_IK_PROTOCOL,
    role: 'initiator',
    prologue: channelPrologue(options),
    s: keypair,
    rs: executorPublicKey,
    ...(crypto && { crypto }),
  });
  const message1 = noise.writeMessage(payload);
  return {
    handshake: encodeFrame({ streamId, body: { type: 'handshake', payload: message1 } }),
    finish: (message2) => {
      const answer = readHandshake(noise, message2, 'bad_message_2', 'message 2');
      if (answer.length > 0) throw refusedBy(answer);
      return new SecureChannel(streamId, noise.split());
    },
  };
}

/** Message 2 with a payload: the one refusal that the contract knows, or a failure (§5.3). */
function refusedBy(payload: Uint8Array): ChannelError {
  return Buffer.from(REGISTRY_AUTHENTICATION_REJECTED, 'utf8').equals(payload)
    ? new ChannelError(
        'registry_authentication_rejected',
        'message 2',
        "the registry refuses the executor's credential",
      )
    : new ChannelError('bad_message_2', 'message 2', 'an unknown payload');
}

export interface AcceptChannelOptions extends ChannelBinding {
  /** The executor's key that `registrationId` names. */
  keypair: Keypair;
  /** The payload of the harness's handshake frame. */
  message1: Uint8Array;
  crypto?: CryptoProvider;
}

/** A harness that proved its key; nobody has said yet that it may connect. */
export interface AcceptedChannel {
  harnessKey: PublicKey;
  /** What the registry is to judge. */
  authorization: string;
  /**
   * Completes the handshake, once, after `validate`. Only the payload `REGISTRY_AUTHENTICATION_REJECTED` may be given; the harness then
   * gives up for good, and the channel is of no use.
   *
   * @throws NoiseError `state` the second time
   */
  respond(payload?: Uint8Array): { message2: Uint8Array; channel: SecureChannel };
}

/**
 * The executor's side (contract §5).
 *
 * @throws ChannelError `bad_message_1`, `bad_authorization`
 */
export function acceptChannel(options: AcceptChannelOptions): AcceptedChannel {
  const { keypair, message1, crypto, streamId } = options;
  const noise = HandshakeState.initialise({
    protocol: HYBRID_IK_PROTOCOL,
    role: 'responder',
    prologue: channelPrologue(options),
    s: keypair,
    ...(crypto && { crypto }),
  });
  const payload = readHandshake(noise, message1, 'bad_message_1', 'message 1');
  const harnessKey = noise.remoteStatic;
  if (!harnessKey) throw new ChannelError('bad_message_1', 'message 1', 'proves no key');
  if (payload.length > MAX_AUTHORIZATION_BYTES || !isUtf8(payload)) {
    throw new ChannelError('bad_authorization', 'message 1', `${payload.length} bytes, or not UTF-8`);
  }
  return {
    harnessKey,
    authorization: Buffer.from(payload).toString('utf8'),
    respond: (answer = new Uint8Array(0)) => {
      const message2 = noise.writeMessage(answer);
      return { message2, channel: new SecureChannel(streamId, noise.split()) };
    },
  };
}

function readHandshake(
  noise: HandshakeState,
  message: Uint8Array,
  code: 'bad_message_1' | 'bad_message_2',
  step: string,
): Uint8Array {
  try {
    return noise.readMessage(message);
  } catch (cause) {
    throw new ChannelError(code, step, 'does not open', { cause });
  }
}

/**
 * The Noise channel of one stream after its handshake (contract §6), the same for both roles. Any failure ends it for good: every later
 * call throws `closed`, and the caller resets the stream.
 */
export class SecureChannel {
  readonly streamId: StreamId;
  readonly #send: CipherState;
  readonly #receive: CipherState;
  readonly #reorder = new ReorderWindow();
  readonly #assembler = new MessageAssembler();
  #nextSeq = 0;
  #sealing = false;
  #closed = false;

  constructor(streamId: StreamId, { send, receive }: { send: CipherState; receive: CipherState }) {
    this.streamId = streamId;
    this.#send = send;
    this.#receive = receive;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * One JSON-RPC message as data frames, one record each, made when they are asked for: 64 MiB of message do not need 64 MiB of frames.
   * Iterate it to its end before the next `seal`; `message` must not change until then.
   *
   * @throws WireError `bad_length_prefix` at once, and while iterating `sequence_exhausted`, `closed`; `interleaved` when another message
   * is only half sealed, which would mix the two at the other side
   */
  seal(message: Uint8Array): Iterable<Uint8Array> {
    this.#refuseWhenClosed('seal');
    if (this.#sealing) throw new WireError('interleaved', 'seal', 'another message is not yet sealed to its end');
    const pieces = cutMessage(message);
    this.#sealing = true;
    return this.#sealPieces(pieces);
  }

  *#sealPieces(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
    for (const piece of pieces) {
      this.#refuseWhenClosed('seal');
      const seq = this.#nextSeq;
      if (seq > MAX_UINT32) {
        this.close();
        throw new WireError('sequence_exhausted', 'seal', 'all 2^32 records of this direction are used');
      }
      this.#nextSeq += 1;
      yield encodeDataFrame(this.streamId, seq, this.#send.seal(piece));
    }
    this.#sealing = false;
  }

  /**
   * Takes one data frame; gives the messages that it completes, in order.
   *
   * @throws WireError `bad_record`, `reorder_window`, `bad_length_prefix`, `closed`
   */
  receive({ seq, payload }: Pick<DataBody, 'seq' | 'payload'>): Uint8Array[] {
    this.#refuseWhenClosed('receive');
    try {
      return this.#open(seq, payload);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Forgets the keys. */
  close(): void {
    this.#closed = true;
    this.#send.wipe();
    this.#receive.wipe();
  }

  #open(seq: number, payload: Uint8Array): Uint8Array[] {
    if (payload.length > MAX_RECORD_BYTES) throw new WireError('bad_record', 'receive', `${payload.length} bytes`);
    const messages: Uint8Array[] = [];
    for (const record of this.#reorder.push(seq, payload)) {
      messages.push(...this.#assembler.push(this.#openRecord(record)));
    }
    return messages;
  }

  #openRecord(record: Uint8Array): Uint8Array {
    try {
      return this.#receive.open(record);
    } catch (cause) {
      throw new WireError('bad_record', 'receive', 'does not open', { cause });
    }
  }

  #refuseWhenClosed(step: string): void {
    if (this.#closed) throw new WireError('closed', step, 'the channel has ended');
  }
}
