import { describe, expect, it } from 'vitest';
import { defaultCrypto } from './crypto/default-crypto.ts';
import { nobleCrypto } from './crypto/noble-crypto.ts';
import { nodeCrypto } from './crypto/node-crypto.ts';
import type { CryptoProvider, DhKeypair } from './crypto/provider.ts';
import { NoiseError } from './error.ts';
import { type HandshakeOptions, HandshakeState } from './handshake-state.ts';
import { generateKeypair, type Keypair } from './keypair.ts';
import { HYBRID_IK_PROTOCOL } from './protocol.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const EMPTY = new Uint8Array(0);
const initiatorKey = generateKeypair();
const responderKey = generateKeypair();

function failureOf(run: () => unknown): { code: string; step: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof NoiseError) return { code: error.code, step: error.step };
    throw error;
  }
  throw new Error('nothing was refused');
}

function initiatorWith(changes: Partial<HandshakeOptions> = {}): HandshakeState {
  return HandshakeState.initialise({
    protocol: HYBRID_IK_PROTOCOL,
    role: 'initiator',
    prologue: bytes('prologue'),
    s: initiatorKey,
    rs: responderKey.publicKey,
    ...changes,
  });
}

function responderWith(changes: Partial<HandshakeOptions> = {}): HandshakeState {
  return HandshakeState.initialise({
    protocol: HYBRID_IK_PROTOCOL,
    role: 'responder',
    prologue: bytes('prologue'),
    s: responderKey,
    ...changes,
  });
}

function flipped(message: Uint8Array, at: number): Uint8Array {
  const changed = new Uint8Array(message);
  const index = at < 0 ? message.length + at : at;
  changed[index] = (changed[index] ?? 0) ^ 1;
  return changed;
}

describe('a message that was changed on its way', () => {
  it.each([
    { part: 'the KEM ciphertext', at: 0, step: 'message 1: s' },
    { part: 'the ephemeral X25519 key', at: 1088, step: 'message 1: s' },
    { part: 'the matrix seed of the ephemeral ML-KEM key', at: 1088 + 32 + 1183, step: 'message 1: s' },
    { part: 'the static X25519 key', at: 2304, step: 'message 1: s' },
    { part: 'the static ML-KEM key', at: 2304 + 48, step: 'message 1: s' },
    { part: 'the payload', at: -1, step: 'message 1: payload' },
  ])('is refused at the first tag that covers $part of message 1', ({ at, step }) => {
    const forged = flipped(initiatorWith().writeMessage(bytes('payload')), at);

    expect(failureOf(() => responderWith().readMessage(forged))).toEqual({ code: 'decrypt_failed', step });
  });

  it.each([
    { part: 'the plain KEM ciphertext', at: 0, step: 'message 2: skem' },
    { part: 'the sealed KEM ciphertext', at: 1088, step: 'message 2: skem' },
    { part: 'the ephemeral X25519 key', at: 1088 + 1104, step: 'message 2: payload' },
    { part: 'the payload', at: -1, step: 'message 2: payload' },
  ])('is refused at the first tag that covers $part of message 2', ({ at, step }) => {
    const [initiator, responder] = [initiatorWith(), responderWith()];
    responder.readMessage(initiator.writeMessage(EMPTY));
    const forged = flipped(responder.writeMessage(EMPTY), at);

    expect(failureOf(() => initiator.readMessage(forged))).toEqual({ code: 'decrypt_failed', step });
  });
});

describe('a peer that is not who it should be', () => {
  it('is refused when it used another prologue', () => {
    const message = initiatorWith({ prologue: bytes('another') }).writeMessage(EMPTY);

    expect(failureOf(() => responderWith().readMessage(message))).toEqual({
      code: 'decrypt_failed',
      step: 'message 1: s',
    });
  });

  it('is refused when it meant another responder', () => {
    const message = initiatorWith({ rs: generateKeypair().publicKey }).writeMessage(EMPTY);

    expect(failureOf(() => responderWith().readMessage(message)).code).toBe('decrypt_failed');
  });

  it('is refused when it claims an X25519 key that it does not hold', () => {
    const stranger = generateKeypair();
    const claimed = initiatorKey.x25519.publicKey;
    const x25519: DhKeypair = { ...bound(stranger.x25519), publicKey: claimed };
    const message = initiatorWith({ s: { x25519, mlkem768: initiatorKey.mlkem768 } }).writeMessage(EMPTY);

    expect(failureOf(() => responderWith().readMessage(message))).toEqual({
      code: 'decrypt_failed',
      step: 'message 1: payload',
    });
  });

  it('cannot go on when it claims an ML-KEM key that it does not hold', () => {
    const stranger = generateKeypair();
    const mlkem768 = {
      publicKey: initiatorKey.mlkem768.publicKey,
      decapsulate: (ciphertext: Uint8Array) => stranger.mlkem768.decapsulate(ciphertext),
      exportSeed: () => stranger.mlkem768.exportSeed(),
    };
    const initiator = initiatorWith({ s: { x25519: initiatorKey.x25519, mlkem768 } });
    const responder = responderWith();
    responder.readMessage(initiator.writeMessage(EMPTY));

    const message2 = responder.writeMessage(EMPTY);

    expect(failureOf(() => initiator.readMessage(message2))).toEqual({
      code: 'decrypt_failed',
      step: 'message 2: payload',
    });
  });
});

describe('bad public keys', () => {
  /** The points of small order and their non-canonical twins (RFC 7748 §6.1; curve25519 in "May the Fourth Be With You"). */
  const LOW_ORDER = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ];
  const providers = [nodeCrypto, nobleCrypto];
  const cases = providers.flatMap((crypto) => LOW_ORDER.map((point) => ({ crypto, point })));

  it.each(cases)('low-order point $point is refused as an ephemeral key by $crypto.name', ({ crypto, point }) => {
    const message = new Uint8Array(initiatorWith().writeMessage(EMPTY));
    message.set(Buffer.from(point, 'hex'), 1088);

    expect(failureOf(() => responderWith({ crypto }).readMessage(message))).toEqual({
      code: 'low_order_point',
      step: 'message 1: es',
    });
  });

  it.each(cases)(
    "low-order point $point is refused as a responder's static key by $crypto.name",
    ({ crypto, point }) => {
      const rs = { ...responderKey.publicKey, x25519: new Uint8Array(Buffer.from(point, 'hex')) };

      expect(failureOf(() => initiatorWith({ rs, crypto }).writeMessage(EMPTY))).toEqual({
        code: 'low_order_point',
        step: 'message 1: es',
      });
    },
  );

  it('low-order points are refused even by a provider that does not notice', () => {
    const careless: CryptoProvider = {
      ...nodeCrypto,
      generateDh: () => ({ ...bound(nodeCrypto.generateDh()), agree: () => new Uint8Array(32) }),
    };

    expect(failureOf(() => initiatorWith({ crypto: careless }).writeMessage(EMPTY)).code).toBe('low_order_point');
  });

  it('an ephemeral ML-KEM key with a coefficient that is not reduced is refused before any DH', () => {
    const message = new Uint8Array(initiatorWith().writeMessage(EMPTY));
    message.set([0xff, 0xff], 1088 + 32);

    expect(failureOf(() => responderWith().readMessage(message))).toEqual({
      code: 'bad_public_key',
      step: 'message 1: e',
    });
  });

  it('a static ML-KEM key with a coefficient that is not reduced is refused though it is authentic', () => {
    const bad = new Uint8Array(initiatorKey.publicKey.mlkem768).fill(0xff, 0, 3);
    const mlkem768 = {
      publicKey: nodeCrypto.importKemPublic(bad),
      decapsulate: () => new Uint8Array(32),
      exportSeed: () => new Uint8Array(64),
    };
    const message = initiatorWith({ s: { x25519: initiatorKey.x25519, mlkem768 } }).writeMessage(EMPTY);

    expect(failureOf(() => responderWith().readMessage(message))).toEqual({
      code: 'bad_public_key',
      step: 'message 1: s',
    });
  });

  it.each([
    { what: 'a short X25519 key', rs: { ...responderKey.publicKey, x25519: new Uint8Array(31) } },
    { what: 'a short ML-KEM key', rs: { ...responderKey.publicKey, mlkem768: new Uint8Array(1183) } },
    { what: 'an ML-KEM key out of range', rs: { ...responderKey.publicKey, mlkem768: new Uint8Array(1184).fill(255) } },
    { what: 'no ML-KEM key', rs: { x25519: responderKey.publicKey.x25519 } },
  ])('$what of the responder is refused at once', ({ rs }) => {
    expect(failureOf(() => initiatorWith({ rs }))).toEqual({ code: 'bad_public_key', step: 'pre-message: s' });
  });
});

describe('lengths', () => {
  it('refuses every truncation of message 1 and message 2, and messages over 65535 bytes', () => {
    const message1 = initiatorWith().writeMessage(EMPTY);
    for (let length = 0; length < message1.length; length += 89) {
      const { code } = failureOf(() => responderWith().readMessage(message1.subarray(0, length)));
      expect(code).toBe('bad_length');
    }
    expect(failureOf(() => responderWith().readMessage(new Uint8Array(65_536))).code).toBe('bad_length');
    const initiator = initiatorWith();
    initiator.writeMessage(EMPTY);
    expect(failureOf(() => initiator.readMessage(new Uint8Array(3423)))).toEqual({
      code: 'bad_length',
      step: 'message 2',
    });
  });

  it('carries the largest payload and refuses to write one byte more', () => {
    const largest = new Uint8Array(65_535 - 3568).fill(1);

    expect(responderWith().readMessage(initiatorWith().writeMessage(largest)).length).toBe(largest.length);
    expect(failureOf(() => initiatorWith().writeMessage(new Uint8Array(largest.length + 1))).code).toBe('bad_length');
  });
});

describe('the order of things', () => {
  it('lets each side only do what is its turn', () => {
    expect(failureOf(() => initiatorWith().readMessage(new Uint8Array(4000)))).toEqual({
      code: 'state',
      step: 'message 1',
    });
    expect(failureOf(() => responderWith().writeMessage(EMPTY))).toEqual({ code: 'state', step: 'message 1' });
    const initiator = initiatorWith();
    initiator.writeMessage(EMPTY);
    expect(failureOf(() => initiator.writeMessage(EMPTY))).toEqual({ code: 'state', step: 'message 2' });
    expect(failureOf(() => initiator.split())).toEqual({ code: 'state', step: 'split' });
  });

  it('knows the remote static key from message 1 on', () => {
    const responder = responderWith();
    expect(responder.remoteStatic).toBeUndefined();

    responder.readMessage(initiatorWith().writeMessage(EMPTY));

    expect(responder.remoteStatic).toEqual(initiatorKey.publicKey);
  });

  it('is over after split', () => {
    const [initiator, responder] = [initiatorWith(), responderWith()];
    responder.readMessage(initiator.writeMessage(EMPTY));
    initiator.readMessage(responder.writeMessage(EMPTY));
    expect(initiator.isComplete).toBe(true);
    initiator.split();

    for (const again of [
      () => initiator.split(),
      () => initiator.writeMessage(EMPTY),
      () => initiator.readMessage(EMPTY),
    ]) {
      expect(failureOf(again).code).toBe('state');
    }
  });

  it('is over after an error: the right message does not help any more', () => {
    const responder = responderWith();
    const message = initiatorWith().writeMessage(EMPTY);
    failureOf(() => responder.readMessage(flipped(message, -1)));

    expect(failureOf(() => responder.readMessage(message))).toEqual({ code: 'state', step: 'message 1' });
  });

  it('does not care whether the caller uses the buffer of a message again', () => {
    const [initiator, responder] = [initiatorWith(), responderWith()];
    const message1 = initiator.writeMessage(EMPTY);
    responder.readMessage(message1);
    message1.fill(0);

    initiator.readMessage(responder.writeMessage(EMPTY));

    expect(initiator.split().handshakeHash).toEqual(responder.split().handshakeHash);
  });
});

describe('a first message that is refused', () => {
  it.each([
    { forgery: 'noise of the right length', at: 0, operations: ['decapsulate', 'agree'] },
    { forgery: 'an unproved static key', at: -1, operations: ['decapsulate', 'agree', 'agree'] },
  ])('costs $operations when it is $forgery, and nothing of the answer', ({ at, operations }) => {
    const counted: string[] = [];
    const forged = flipped(initiatorWith().writeMessage(EMPTY), at);

    failureOf(() => responderWith({ s: counting(responderKey, counted), crypto: defaultCrypto() }).readMessage(forged));

    expect(counted).toEqual(operations);
  });

  it('costs nothing when its length is wrong', () => {
    const counted: string[] = [];

    failureOf(() => responderWith({ s: counting(responderKey, counted) }).readMessage(new Uint8Array(3567)));

    expect(counted).toEqual([]);
  });
});

describe('what is not known', () => {
  it('is refused by name', () => {
    expect(failureOf(() => initiatorWith({ protocol: 'Noise_XX_25519_AESGCM_SHA256' })).code).toBe('unknown_protocol');
    const { rs: _, ...withoutRemote } = { ...optionsOfInitiator(), rs: undefined };
    expect(failureOf(() => HandshakeState.initialise(withoutRemote))).toEqual({
      code: 'missing_key',
      step: 'pre-message: s',
    });
    expect(failureOf(() => initiatorWith({ s: { x25519: initiatorKey.x25519 } })).code).toBe('missing_key');
  });
});

function optionsOfInitiator(): HandshakeOptions {
  return { protocol: HYBRID_IK_PROTOCOL, role: 'initiator', prologue: EMPTY, s: initiatorKey };
}

function bound(keypair: DhKeypair): DhKeypair {
  return {
    publicKey: keypair.publicKey,
    agree: (remote) => keypair.agree(remote),
    exportPrivate: () => keypair.exportPrivate(),
  };
}

/** The same keys, noting each private operation. */
function counting(keypair: Keypair, into: string[]): Keypair {
  return {
    publicKey: keypair.publicKey,
    x25519: {
      ...bound(keypair.x25519),
      agree(remote) {
        into.push('agree');
        return keypair.x25519.agree(remote);
      },
    },
    mlkem768: {
      publicKey: keypair.mlkem768.publicKey,
      exportSeed: () => keypair.mlkem768.exportSeed(),
      decapsulate(ciphertext) {
        into.push('decapsulate');
        return keypair.mlkem768.decapsulate(ciphertext);
      },
    },
  };
}
