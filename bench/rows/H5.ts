import { HandshakeState, nodeCrypto } from '../../src/noise/index.ts';
import { loadNoiseC } from '../../test/peers/noise-c.ts';
import { EMPTY, PROLOGUE } from '../handshakes.ts';
import { interleave, timed } from '../interleave.ts';
import type { Row } from '../row.ts';

const protocol = 'Noise_IK_25519_ChaChaPoly_BLAKE2s';

export const row: Row = {
  id: 'H5',
  what: 'IK 25519 ChaChaPoly BLAKE2s handshakes a second, both sides',
  must: 2.0,
  goal: 3.0,
  direction: '>=',
  peer: 'noise-c.wasm, same suite',
  async run() {
    return interleave({ ours: timed(ours()), peer: timed(await noiseC()) });
  },
};

function ours(): () => void {
  const [initiatorKey, responderKey] = [nodeCrypto.generateDh(), nodeCrypto.generateDh()];
  const shared = { protocol, prologue: PROLOGUE, crypto: nodeCrypto };
  const rs = { x25519: responderKey.publicKey.bytes };
  return () => {
    const initiator = HandshakeState.initialise({ ...shared, role: 'initiator', s: { x25519: initiatorKey }, rs });
    const responder = HandshakeState.initialise({ ...shared, role: 'responder', s: { x25519: responderKey } });
    responder.readMessage(initiator.writeMessage(EMPTY));
    initiator.readMessage(responder.writeMessage(EMPTY));
    initiator.split();
    responder.split();
  };
}

async function noiseC(): Promise<() => void> {
  const { HandshakeState, constants } = await loadNoiseC();
  const [initiatorKey, responderKey] = [nodeCrypto.generateDh(), nodeCrypto.generateDh()];
  const secrets = [initiatorKey.exportPrivate(), responderKey.exportPrivate()] as const;
  const responderPublic = responderKey.publicKey.bytes;
  return () => {
    const initiator = new HandshakeState(protocol, constants.NOISE_ROLE_INITIATOR);
    initiator.Initialize(PROLOGUE, secrets[0], responderPublic);
    const responder = new HandshakeState(protocol, constants.NOISE_ROLE_RESPONDER);
    responder.Initialize(PROLOGUE, secrets[1], null);
    responder.ReadMessage(initiator.WriteMessage(EMPTY), true);
    initiator.ReadMessage(responder.WriteMessage(EMPTY), true);
    for (const cipher of [...initiator.Split(), ...responder.Split()]) cipher.free();
  };
}
