import {
  type CryptoProvider,
  generateKeypair,
  HandshakeState,
  HYBRID_IK_PROTOCOL,
  type Keypair,
  nodeCrypto,
  type Transport,
} from '../src/noise/index.ts';

export const PROLOGUE = new TextEncoder().encode('bench');
/** As long as a usual harness authorization: an EdDSA JWT. */
export const PAYLOAD = new Uint8Array(600).fill(0x61);
export const EMPTY = new Uint8Array(0);

export interface Parties {
  readonly crypto: CryptoProvider;
  readonly initiator: Keypair;
  readonly responder: Keypair;
}

/** Static keys live as long as their processes, so making them is no part of a handshake. */
export function parties(crypto: CryptoProvider = nodeCrypto): Parties {
  return { crypto, initiator: generateKeypair(crypto), responder: generateKeypair(crypto) };
}

export function initiatorState({ crypto, initiator, responder }: Parties): HandshakeState {
  const keys = { s: initiator, rs: responder.publicKey };
  return HandshakeState.initialise({
    protocol: HYBRID_IK_PROTOCOL,
    role: 'initiator',
    prologue: PROLOGUE,
    crypto,
    ...keys,
  });
}

export function responderState({ crypto, responder }: Parties): HandshakeState {
  return HandshakeState.initialise({
    protocol: HYBRID_IK_PROTOCOL,
    role: 'responder',
    prologue: PROLOGUE,
    s: responder,
    crypto,
  });
}

/** Both sides of one hybridIK handshake, to the transport ciphers. */
export function handshake(by: Parties): { initiator: Transport; responder: Transport } {
  const initiator = initiatorState(by);
  const responder = responderState(by);
  responder.readMessage(initiator.writeMessage(PAYLOAD));
  initiator.readMessage(responder.writeMessage(EMPTY));
  return { initiator: initiator.split(), responder: responder.split() };
}
