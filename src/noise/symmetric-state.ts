import { CipherState } from './cipher-state.ts';
import { type CryptoProvider, HASH_LENGTH, type HashFunction, KEY_LENGTH, TAG_LENGTH } from './crypto/provider.ts';
import type { Protocol } from './protocol.ts';

const NOTHING = new Uint8Array(0);

/** Noise §5.2: the chaining key, the transcript hash, and the cipher of the moment. `mix…` wipe the secrets they are given. */
export class SymmetricState {
  readonly #protocol: Protocol;
  readonly #crypto: CryptoProvider;
  readonly #hash: HashFunction;
  #chainingKey: Uint8Array;
  #transcript: Uint8Array;
  /** k, until something is encrypted with it: half the keys of a handshake are replaced before that. */
  #key: Uint8Array | undefined;
  #cipher: CipherState | undefined;

  /** INITIALIZESYMMETRIC: a name longer than a hash is hashed, a shorter one padded with zeros. */
  constructor(protocol: Protocol, crypto: CryptoProvider) {
    this.#protocol = protocol;
    this.#crypto = crypto;
    this.#hash = crypto.hash(protocol.hash);
    const name = new TextEncoder().encode(protocol.name);
    if (name.length > HASH_LENGTH) {
      this.#transcript = this.#hash.digest([name]);
    } else {
      this.#transcript = new Uint8Array(HASH_LENGTH);
      this.#transcript.set(name);
    }
    this.#chainingKey = new Uint8Array(this.#transcript);
  }

  /** GETHANDSHAKEHASH: h as it stands. */
  get transcriptHash(): Uint8Array {
    return new Uint8Array(this.#transcript);
  }

  /** Bytes by which the next `encryptAndHash` lengthens: none until there is a key. */
  get tagLength(): number {
    return this.#cipher || this.#key ? TAG_LENGTH : 0;
  }

  /** MIXKEY: ck, k = HKDF2(ck, input); n = 0. */
  mixKey(input: Uint8Array): void {
    const output = this.#hash.hkdf(this.#chainingKey, input, 2);
    this.#chainingKey.set(output.subarray(0, KEY_LENGTH));
    this.#initializeKey(new Uint8Array(output.subarray(KEY_LENGTH)));
    output.fill(0);
    input.fill(0);
  }

  /** MIXHASH: h = HASH(h ‖ data). */
  mixHash(...data: readonly Uint8Array[]): void {
    this.#transcript = this.#hash.digest([this.#transcript, ...data]);
  }

  /** MIXKEYANDHASH: ck, t, k = HKDF3(ck, input); MIXHASH(t); n = 0. */
  mixKeyAndHash(input: Uint8Array): void {
    const output = this.#hash.hkdf(this.#chainingKey, input, 3);
    this.#chainingKey.set(output.subarray(0, KEY_LENGTH));
    this.mixHash(output.subarray(KEY_LENGTH, 2 * KEY_LENGTH));
    this.#initializeKey(new Uint8Array(output.subarray(2 * KEY_LENGTH)));
    output.fill(0);
    input.fill(0);
  }

  /** ENCRYPTANDHASH: the parts of the ciphertext, or the plaintext itself while there is no key. */
  encryptAndHash(plaintext: Uint8Array, step: string): readonly Uint8Array[] {
    const parts = this.#keyed()?.sealWithAd(this.#transcript, plaintext, step) ?? [plaintext];
    this.mixHash(...parts);
    return parts;
  }

  /** DECRYPTANDHASH, its counterpart. Throws `decrypt_failed`. */
  decryptAndHash(data: Uint8Array, step: string): Uint8Array {
    const plaintext = this.#keyed()?.openWithAd(this.#transcript, data, step) ?? data;
    this.mixHash(data);
    return plaintext;
  }

  /** SPLIT: the first cipher is the initiator's to send with. Forgets the chaining key. */
  split(): [CipherState, CipherState] {
    const output = this.#hash.hkdf(this.#chainingKey, NOTHING, 2);
    const ciphers: [CipherState, CipherState] = [
      this.#cipherOf(output.subarray(0, KEY_LENGTH)),
      this.#cipherOf(output.subarray(KEY_LENGTH)),
    ];
    output.fill(0);
    this.wipe();
    return ciphers;
  }

  wipe(): void {
    this.#chainingKey.fill(0);
    this.#key?.fill(0);
    this.#key = undefined;
    this.#cipher?.wipe();
    this.#cipher = undefined;
  }

  /** INITIALIZEKEY. */
  #initializeKey(key: Uint8Array): void {
    this.#key?.fill(0);
    this.#key = key;
    this.#cipher = undefined;
  }

  #keyed(): CipherState | undefined {
    if (this.#key) {
      this.#cipher = this.#cipherOf(this.#key);
      this.#key.fill(0);
      this.#key = undefined;
    }
    return this.#cipher;
  }

  #cipherOf(key: Uint8Array): CipherState {
    return new CipherState(this.#crypto.aead(this.#protocol.aead, key));
  }
}
