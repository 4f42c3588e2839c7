import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nobleCrypto } from './crypto/noble-crypto.ts';
import { nodeCrypto } from './crypto/node-crypto.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { NoiseError } from './error.ts';
import { HandshakeState } from './handshake-state.ts';
import { generateKeypair } from './keypair.ts';
import { HYBRID_IK_PROTOCOL } from './protocol.ts';

const PROLOGUE = new TextEncoder().encode('prologue');
const PAYLOAD = new TextEncoder().encode('authorization');

interface Mutation {
  readonly kind: 'flip' | 'overwrite' | 'cut' | 'append' | 'splice';
  readonly where: number;
  readonly bytes: Uint8Array;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'overwrite', 'cut', 'append', 'splice'),
  where: fc.nat(100_000),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 48 }),
});

function mutated(message: Uint8Array, { kind, where, bytes }: Mutation): Uint8Array {
  const at = where % message.length;
  const copy = new Uint8Array(message);
  switch (kind) {
    case 'flip':
      copy[at] = (copy[at] ?? 0) ^ (1 << (where % 8));
      return copy;
    case 'overwrite':
      copy.set(bytes.subarray(0, copy.length - at), at);
      return copy;
    case 'cut':
      return copy.subarray(0, at);
    case 'append':
      return new Uint8Array([...copy, ...bytes]);
    case 'splice':
      return new Uint8Array([...copy.subarray(0, at), ...bytes, ...copy.subarray(at)]);
  }
}

/** Only a NoiseError may come of a message that differs; anything else fails the property. */
function expectRefused(read: (message: Uint8Array) => unknown, genuine: Uint8Array, by: Mutation): void {
  const message = mutated(genuine, by);
  if (Buffer.compare(message, genuine) === 0) return;
  try {
    read(message);
  } catch (error) {
    expect(error).toBeInstanceOf(NoiseError);
    return;
  }
  throw new Error('a changed message was accepted');
}

function fixture(crypto: CryptoProvider) {
  const [initiatorKey, responderKey] = [generateKeypair(crypto), generateKeypair(crypto)];
  const shared = { protocol: HYBRID_IK_PROTOCOL, prologue: PROLOGUE, crypto };
  return {
    initiator: () =>
      HandshakeState.initialise({ ...shared, role: 'initiator', s: initiatorKey, rs: responderKey.publicKey }),
    responder: () => HandshakeState.initialise({ ...shared, role: 'responder', s: responderKey }),
  };
}

describe.each([
  { crypto: nodeCrypto, numRuns: 10_000 },
  { crypto: nobleCrypto, numRuns: 200 },
])('$numRuns mutations by $crypto.name', ({ crypto, numRuns }) => {
  const { initiator, responder } = fixture(crypto);

  it('of message 1 are all refused', { timeout: 120_000 }, () => {
    const genuine = initiator().writeMessage(PAYLOAD);
    fc.assert(
      fc.property(mutation, (by) => expectRefused((message) => responder().readMessage(message), genuine, by)),
      { numRuns },
    );
  });

  it('of message 2 are all refused', { timeout: 120_000 }, () => {
    // A state reads one message 2 only, so each mutation needs a message 1 of its own.
    fc.assert(
      fc.property(mutation, (by) => {
        const [ours, theirs] = [initiator(), responder()];
        theirs.readMessage(ours.writeMessage(PAYLOAD));
        expectRefused((message) => ours.readMessage(message), theirs.writeMessage(PAYLOAD), by);
      }),
      { numRuns: numRuns / 10 },
    );
  });

  it('of records are all refused, and the genuine record still opens', () => {
    const [ours, theirs] = [initiator(), responder()];
    theirs.readMessage(ours.writeMessage(PAYLOAD));
    ours.readMessage(theirs.writeMessage(PAYLOAD));
    const { send } = ours.split();
    const { receive } = theirs.split();
    const genuine = Buffer.concat(send.seal(PAYLOAD));
    fc.assert(
      fc.property(mutation, (by) => expectRefused((record) => receive.open(record), genuine, by)),
      { numRuns },
    );
    expect(new Uint8Array(receive.open(genuine))).toEqual(PAYLOAD);
  });
});
