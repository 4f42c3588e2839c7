import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Work } from '../interleave.ts';
import { sealAndOpen } from '../records.ts';

/**
 * `@chainsafe/libp2p-noise` without its streams: its own handshake functions over two arrays, with the identity signatures that it
 * always makes. That is the fastest way to run it, so the comparison favours it.
 */
export interface Libp2pNoise {
  /** A full XX handshake, both sides. */
  handshake(): Promise<{ initiator: Libp2pTransport; responder: Libp2pTransport }>;
}

/** Types of the pinned version's internals, reduced to what is used. */
export interface Libp2pTransport {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array): Uint8Array;
}
type Perform = (init: object) => Promise<Libp2pTransport>;
interface Internals {
  performHandshakeInitiator: Perform;
  performHandshakeResponder: Perform;
}
interface CryptoInternals {
  defaultCrypto: { generateX25519KeyPair(): object };
}

export async function loadLibp2pNoise(): Promise<Libp2pNoise> {
  const entry = import.meta.resolve('@chainsafe/libp2p-noise');
  const load = async <T>(file: string) => (await import(new URL(file, entry).href)) as T;
  const { performHandshakeInitiator, performHandshakeResponder } = await load<Internals>('performHandshake.js');
  const { defaultCrypto } = await load<CryptoInternals>('crypto/index.js');
  const { wrapCrypto } = await load<{ wrapCrypto(crypto: object): object }>('crypto.js');

  const shared = { crypto: wrapCrypto(defaultCrypto), prologue: new Uint8Array(0), log: silentLog(), extensions: {} };
  const side = () => ({ ...shared, privateKey: identity(), s: defaultCrypto.generateX25519KeyPair() });
  const sides = [side(), side()] as const;
  return {
    async handshake() {
      const [left, right] = connection();
      const [initiator, responder] = await Promise.all([
        performHandshakeInitiator({ ...sides[0], connection: left }),
        performHandshakeResponder({ ...sides[1], connection: right }),
      ]);
      return { initiator, responder };
    },
  };
}

/** Its records (ChaChaPoly), handed over as it returns them. */
export async function libp2pRecords(size: number): Promise<Work> {
  const { initiator, responder } = await (await loadLibp2pNoise()).handshake();
  const channel = {
    seal: (plaintext: Uint8Array) => initiator.encrypt(plaintext),
    open: (record: Uint8Array) => responder.decrypt(record),
  };
  return sealAndOpen(channel, size, (sealed) => sealed);
}

/** An Ed25519 identity as libp2p has them, signing natively. */
function identity() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'raw-public' });
  return { type: 'Ed25519', publicKey: { type: 'Ed25519', raw }, sign: (data: Uint8Array) => signed(privateKey, data) };
}

function signed(privateKey: KeyObject, data: Uint8Array): Uint8Array {
  return sign(null, data, privateKey);
}

function silentLog(): object {
  const log = Object.assign(() => {}, { enabled: false, trace: () => {}, error: () => {}, newScope: () => log });
  return log;
}

function connection() {
  const [forth, back] = [new Mailbox(), new Mailbox()];
  const end = (outgoing: Mailbox, incoming: Mailbox) => ({
    write: async (message: Uint8Array) => outgoing.put(message),
    read: () => incoming.take(),
  });
  return [end(forth, back), end(back, forth)] as const;
}

class Mailbox {
  readonly #messages: Uint8Array[] = [];
  #waiting: ((message: Uint8Array) => void) | undefined;

  put(message: Uint8Array): void {
    if (this.#waiting) this.#waiting(message);
    else this.#messages.push(message);
    this.#waiting = undefined;
  }

  take(): Promise<Uint8Array> {
    const message = this.#messages.shift();
    if (message) return Promise.resolve(message);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}
