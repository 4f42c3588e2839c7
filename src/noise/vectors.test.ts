import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nobleCrypto } from './crypto/noble-crypto.ts';
import { nodeCrypto } from './crypto/node-crypto.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { fixedCrypto } from './fixed-crypto.ts';
import { HandshakeState } from './handshake-state.ts';
import { importKeypair, keyFingerprint } from './keypair.ts';
import { HYBRID_IK_PROTOCOL } from './protocol.ts';

interface StaticKey {
  x25519_secret: string;
  x25519_public: string;
  mlkem768_seed_d_z: string;
  mlkem768_public: string;
}
interface HybridVector {
  name: string;
  initiator_static: StaticKey;
  responder_static: StaticKey;
  initiator_ephemeral: StaticKey;
  responder_ephemeral: { x25519_secret: string; mlkem768_seed_d_z: string };
  encapsulation_coins: { message1_skem_m: string; message2_ekem_m: string; message2_skem_m: string };
  prologue_hex: string;
  h_after_premessages: string;
  message1: { payload_hex: string; hex: string; h_after: string };
  message2: { payload_hex: string; hex: string };
  message2_registry_auth_rejected: { payload_utf8: string; hex: string };
  handshake_hash: string;
  key_initiator_to_responder: string;
  key_responder_to_initiator: string;
  transport: { direction: 'i2r' | 'r2i'; nonce_counter: number; plaintext_hex: string; ciphertext_hex: string }[];
}
interface IkVector {
  name: string;
  init_prologue: string;
  init_static: string;
  init_ephemeral: string;
  init_remote_static: string;
  resp_prologue: string;
  resp_static: string;
  resp_ephemeral: string;
  messages: { payload: string; ciphertext: string }[];
  handshake_hash: string;
}

const vectorsOf = <T>(file: string): T[] =>
  (JSON.parse(readFileSync(new URL(`../../test/vectors/${file}`, import.meta.url), 'utf8')) as { vectors: T[] })
    .vectors;
const hybridVectors = vectorsOf<HybridVector>('hybrid-ik.json');
const ikVectors = vectorsOf<IkVector>('noise-ik.json');
const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (...parts: Uint8Array[]) => Buffer.concat(parts).toString('hex');
const providers = [nodeCrypto, nobleCrypto];
const pairs = providers.flatMap((initiator) => providers.map((responder) => ({ initiator, responder })));

const keypairOf = (key: StaticKey, crypto: CryptoProvider) =>
  importKeypair({ x25519: unhex(key.x25519_secret), mlkem768Seed: unhex(key.mlkem768_seed_d_z) }, crypto);

function hybridPair(vector: HybridVector, by: { initiator: CryptoProvider; responder: CryptoProvider }) {
  const coins = vector.encapsulation_coins;
  const initiatorKey = keypairOf(vector.initiator_static, by.initiator);
  const responderKey = keypairOf(vector.responder_static, by.responder);
  const ephemeral = (key: { x25519_secret: string; mlkem768_seed_d_z: string }) => ({
    dh: [unhex(key.x25519_secret)],
    kem: [unhex(key.mlkem768_seed_d_z)],
  });
  const shared = { protocol: HYBRID_IK_PROTOCOL, prologue: unhex(vector.prologue_hex) };
  const initiator = HandshakeState.initialise({
    ...shared,
    role: 'initiator',
    s: initiatorKey,
    rs: responderKey.publicKey,
    crypto: fixedCrypto(by.initiator, {
      ...ephemeral(vector.initiator_ephemeral),
      coins: [unhex(coins.message1_skem_m)],
    }),
  });
  const responder = HandshakeState.initialise({
    ...shared,
    role: 'responder',
    s: responderKey,
    crypto: fixedCrypto(by.responder, {
      ...ephemeral(vector.responder_ephemeral),
      coins: [unhex(coins.message2_ekem_m), unhex(coins.message2_skem_m)],
    }),
  });
  return { initiator, responder, initiatorKey, responderKey };
}

describe.each(pairs)('hybridIK vectors, initiator by $initiator.name, responder by $responder.name', (by) => {
  it.each(hybridVectors)('gives every byte of $name', (vector) => {
    const { initiator, responder, initiatorKey, responderKey } = hybridPair(vector, by);
    expect(hex(initiatorKey.publicKey.x25519)).toBe(vector.initiator_static.x25519_public);
    expect(hex(initiatorKey.publicKey.mlkem768)).toBe(vector.initiator_static.mlkem768_public);
    expect(hex(responderKey.publicKey.mlkem768)).toBe(vector.responder_static.mlkem768_public);
    expect(hex(initiator.handshakeHash)).toBe(vector.h_after_premessages);
    expect(hex(responder.handshakeHash)).toBe(vector.h_after_premessages);

    const message1 = initiator.writeMessage(unhex(vector.message1.payload_hex));
    expect(hex(message1)).toBe(vector.message1.hex);
    expect(hex(initiator.handshakeHash)).toBe(vector.message1.h_after);
    expect(hex(responder.readMessage(message1))).toBe(vector.message1.payload_hex);
    expect(hex(responder.handshakeHash)).toBe(vector.message1.h_after);
    expect(responder.remoteStatic && keyFingerprint(responder.remoteStatic)).toBe(
      keyFingerprint(initiatorKey.publicKey),
    );

    const message2 = responder.writeMessage(unhex(vector.message2.payload_hex));
    expect(hex(message2)).toBe(vector.message2.hex);
    expect(hex(initiator.readMessage(message2))).toBe(vector.message2.payload_hex);

    const ours = initiator.split();
    const theirs = responder.split();
    expect(hex(ours.handshakeHash)).toBe(vector.handshake_hash);
    expect(hex(theirs.handshakeHash)).toBe(vector.handshake_hash);
    for (const record of vector.transport) {
      const [from, to] = record.direction === 'i2r' ? [ours.send, theirs.receive] : [theirs.send, ours.receive];
      expect(hex(...from.seal(unhex(record.plaintext_hex)))).toBe(record.ciphertext_hex);
      expect(hex(to.open(unhex(record.ciphertext_hex)))).toBe(record.plaintext_hex);
    }
  });

  it.each(hybridVectors)('carries the registry rejection of $name', (vector) => {
    const { initiator, responder } = hybridPair(vector, by);
    responder.readMessage(initiator.writeMessage(unhex(vector.message1.payload_hex)));

    const message2 = responder.writeMessage(Buffer.from(vector.message2_registry_auth_rejected.payload_utf8));

    expect(hex(message2)).toBe(vector.message2_registry_auth_rejected.hex);
    expect(Buffer.from(initiator.readMessage(message2)).toString()).toBe('codex-registry-authentication-rejected/v1');
  });

  it.each(hybridVectors)('has the transport keys of $name', (vector) => {
    for (const record of vector.transport) {
      const key = record.direction === 'i2r' ? vector.key_initiator_to_responder : vector.key_responder_to_initiator;
      const aead = by.initiator.aead('AESGCM', unhex(key));
      const sealed = aead.seal(record.nonce_counter, new Uint8Array(0), unhex(record.plaintext_hex));
      expect(hex(...sealed)).toBe(record.ciphertext_hex);
    }
  });
});

describe.each(pairs)('published IK vectors, initiator by $initiator.name, responder by $responder.name', (by) => {
  it.each(ikVectors)('gives every byte of $name', (vector) => {
    const initiator = HandshakeState.initialise({
      protocol: vector.name,
      role: 'initiator',
      prologue: unhex(vector.init_prologue),
      s: { x25519: by.initiator.importDh(unhex(vector.init_static)) },
      rs: { x25519: unhex(vector.init_remote_static) },
      crypto: fixedCrypto(by.initiator, { dh: [unhex(vector.init_ephemeral)], kem: [], coins: [] }),
    });
    const responder = HandshakeState.initialise({
      protocol: vector.name,
      role: 'responder',
      prologue: unhex(vector.resp_prologue),
      s: { x25519: by.responder.importDh(unhex(vector.resp_static)) },
      crypto: fixedCrypto(by.responder, { dh: [unhex(vector.resp_ephemeral)], kem: [], coins: [] }),
    });
    const [first, second, ...records] = vector.messages;

    expect(hex(initiator.writeMessage(unhex(first?.payload ?? '')))).toBe(first?.ciphertext);
    expect(hex(responder.readMessage(unhex(first?.ciphertext ?? '')))).toBe(first?.payload);
    expect(hex(responder.writeMessage(unhex(second?.payload ?? '')))).toBe(second?.ciphertext);
    expect(hex(initiator.readMessage(unhex(second?.ciphertext ?? '')))).toBe(second?.payload);
    const ours = initiator.split();
    const theirs = responder.split();
    expect(hex(ours.handshakeHash)).toBe(vector.handshake_hash);
    expect(hex(theirs.handshakeHash)).toBe(vector.handshake_hash);
    records.forEach(({ payload, ciphertext }, index) => {
      const [from, to] = index % 2 === 0 ? [ours.send, theirs.receive] : [theirs.send, ours.receive];
      expect(hex(...from.seal(unhex(payload)))).toBe(ciphertext);
      expect(hex(to.open(unhex(ciphertext)))).toBe(payload);
    });
  });
});

it('has vectors to check at all', () => {
  expect(hybridVectors.map((vector) => vector.name)).toEqual(['basic', 'utf8-and-empty-payload']);
  expect(ikVectors.map((vector) => vector.name)).toEqual([
    'Noise_IK_25519_ChaChaPoly_BLAKE2s',
    'Noise_IK_25519_AESGCM_SHA256',
  ]);
});
