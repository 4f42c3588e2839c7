import { beforeAll, describe, expect, it } from 'vitest';
import { loadNoiseC, type NoiseC } from '../../test/peers/noise-c.ts';
import { nobleCrypto } from './crypto/noble-crypto.ts';
import { nodeCrypto } from './crypto/node-crypto.ts';
import { HandshakeState } from './handshake-state.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => Buffer.from(data).toString();
const NO_AD = new Uint8Array(0);

const cases = ['Noise_IK_25519_ChaChaPoly_BLAKE2s', 'Noise_IK_25519_AESGCM_SHA256'].flatMap((protocol) =>
  [nodeCrypto, nobleCrypto].map((crypto) => ({ protocol, crypto })),
);

describe.each(cases)('$protocol by $crypto.name with noise-c', ({ protocol, crypto }) => {
  let noiseC: NoiseC;
  const prologue = bytes('a prologue');
  const initiatorKey = crypto.generateDh();
  const responderKey = crypto.generateDh();

  beforeAll(async () => {
    noiseC = await loadNoiseC();
  });

  it('completes a handshake that we start, and carries records both ways', () => {
    const ours = HandshakeState.initialise({
      protocol,
      role: 'initiator',
      prologue,
      s: { x25519: initiatorKey },
      rs: { x25519: responderKey.publicKey.bytes },
      crypto,
    });
    const theirs = new noiseC.HandshakeState(protocol, noiseC.constants.NOISE_ROLE_RESPONDER);
    theirs.Initialize(prologue, responderKey.exportPrivate(), null);

    expect(text(theirs.ReadMessage(ours.writeMessage(bytes('one')), true))).toBe('one');
    expect(theirs.GetRemotePublicKey()).toEqual(new Uint8Array(initiatorKey.publicKey.bytes));
    expect(text(ours.readMessage(theirs.WriteMessage(bytes('two'))))).toBe('two');
    const hash = theirs.GetHandshakeHash();
    const { send, receive, handshakeHash } = ours.split();
    const [theirSend, theirReceive] = theirs.Split();

    expect(new Uint8Array(handshakeHash)).toEqual(hash);
    for (const record of ['a', 'b', 'c']) {
      expect(text(theirReceive.DecryptWithAd(NO_AD, Buffer.concat(send.seal(bytes(record)))))).toBe(record);
      expect(text(receive.open(theirSend.EncryptWithAd(NO_AD, bytes(record))))).toBe(record);
    }
  });

  it('completes a handshake that noise-c starts', () => {
    const theirs = new noiseC.HandshakeState(protocol, noiseC.constants.NOISE_ROLE_INITIATOR);
    theirs.Initialize(prologue, initiatorKey.exportPrivate(), new Uint8Array(responderKey.publicKey.bytes));
    const ours = HandshakeState.initialise({
      protocol,
      role: 'responder',
      prologue,
      s: { x25519: responderKey },
      crypto,
    });

    expect(text(ours.readMessage(theirs.WriteMessage(bytes('one'))))).toBe('one');
    expect(new Uint8Array(ours.remoteStaticX25519 ?? NO_AD)).toEqual(new Uint8Array(initiatorKey.publicKey.bytes));
    expect(text(theirs.ReadMessage(ours.writeMessage(bytes('two')), true))).toBe('two');
    const { send } = ours.split();
    const [, theirReceive] = theirs.Split();

    expect(text(theirReceive.DecryptWithAd(NO_AD, Buffer.concat(send.seal(bytes('record')))))).toBe('record');
  });
});
