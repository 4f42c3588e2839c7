import { generateKeypair, type Keypair } from '../../noise/index.ts';
import { acceptChannel, type SecureChannel, startChannel } from '../channel/channel.ts';
import { decodeFrame } from '../envelope/decode.ts';
import type { DataBody } from '../envelope/frame.ts';
import { parseEnvironmentId, parseRegistrationId } from '../ids.ts';
import { STREAM_ID } from './frames.ts';

export const BINDING = {
  environmentId: parseEnvironmentId('team-a_build'),
  registrationId: parseRegistrationId('registration-1'),
  streamId: STREAM_ID,
};

export interface Keys {
  harness: Keypair;
  executor: Keypair;
}

export const newKeys = (): Keys => ({ harness: generateKeypair(), executor: generateKeypair() });

/** Both ends of a channel after its handshake. */
export function connectedChannels({ harness, executor } = newKeys()): {
  harness: SecureChannel;
  executor: SecureChannel;
} {
  const started = startChannel({
    ...BINDING,
    keypair: harness,
    executorPublicKey: executor.publicKey,
    authorization: 'authorization',
  });
  const accepted = acceptChannel({ ...BINDING, keypair: executor, message1: handshakePayload(started.handshake) });
  const { message2, channel } = accepted.respond();
  return { harness: started.finish(message2), executor: channel };
}

export function handshakePayload(frame: Uint8Array): Uint8Array {
  const { body } = decodeFrame(frame);
  if (body.type !== 'handshake') throw new Error(`a ${body.type} frame`);
  return body.payload;
}

export function dataOf(frame: Uint8Array): DataBody {
  const { body } = decodeFrame(frame);
  if (body.type !== 'data') throw new Error(`a ${body.type} frame`);
  return body;
}
