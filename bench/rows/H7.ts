import { generateKeypair, nodeCrypto } from '../../src/noise/index.ts';
import { EMPTY, initiatorState, PAYLOAD, parties, responderState } from '../handshakes.ts';
import { interleave, timed } from '../interleave.ts';
import type { Row } from '../row.ts';

export const row: Row = {
  id: 'H7',
  what: 'time to refuse a first message forged in its last secret (a static key that is not the sender’s)',
  must: 0.6,
  goal: 0.4,
  direction: '<=',
  peer: 'a whole responder handshake',
  async run() {
    const by = parties();
    const genuine = initiatorState(by).writeMessage(PAYLOAD);
    // The costliest forgery: right in all that public keys suffice for. Only `ss` gives it away, at the very end.
    const impostor = { ...by.initiator, x25519: { ...stranger(), publicKey: by.initiator.x25519.publicKey } };
    const forged = initiatorState({ ...by, initiator: impostor }).writeMessage(PAYLOAD);
    const refuse = () => {
      try {
        responderState(by).readMessage(forged);
      } catch {
        return;
      }
      throw new Error('the forged message was accepted');
    };
    const whole = () => {
      const responder = responderState(by);
      responder.readMessage(genuine);
      responder.writeMessage(EMPTY);
      responder.split();
    };
    return interleave({ ours: timed(refuse), peer: timed(whole), ratio: 'time' });
  },
};

function stranger() {
  const { x25519 } = generateKeypair(nodeCrypto);
  return { agree: x25519.agree.bind(x25519), exportPrivate: x25519.exportPrivate.bind(x25519) };
}
