import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { KEM_SEED_LENGTH } from './mlkem768.ts';
import {
  type AeadKey,
  type AeadName,
  type CryptoProvider,
  type DhKeypair,
  type DhPublicKey,
  type Encapsulation,
  type HashFunction,
  KEY_LENGTH,
  type KemKeypair,
  type KemPublicKey,
  NonceWriter,
  type Sealed,
  TAG_LENGTH,
} from './provider.ts';

/**
 * Everything in JavaScript, from noble: for a Node without ML-KEM, and the oracle that the native provider is tested against.
 * Not constant-time beyond what JavaScript allows, and 8 to 20 times slower; never chosen where node:crypto will do.
 */
export const nobleCrypto: CryptoProvider = {
  name: 'noble',
  generateDh: () => new NobleDhKeypair(x25519.utils.randomSecretKey()),
  importDh: (privateKey) => new NobleDhKeypair(new Uint8Array(privateKey)),
  importDhPublic: (publicKey) => ({ bytes: publicKey }),
  generateKem: () => new NobleKemKeypair(randomBytes(KEM_SEED_LENGTH)),
  importKem: (seed) => new NobleKemKeypair(new Uint8Array(seed)),
  importKemPublic: (publicKey) => new NobleKemPublicKey(publicKey),
  hash: (name) => (name === 'SHA256' ? new NobleHash(sha256) : new NobleHash(blake2s)),
  aead: (name, key) => new NobleAeadKey(name, key),
};

class NobleDhKeypair implements DhKeypair {
  readonly publicKey: DhPublicKey;
  readonly #privateKey: Uint8Array;

  constructor(privateKey: Uint8Array) {
    this.publicKey = { bytes: x25519.getPublicKey(privateKey) };
    this.#privateKey = privateKey;
  }

  agree(remote: DhPublicKey): Uint8Array {
    return x25519.getSharedSecret(this.#privateKey, remote.bytes);
  }

  exportPrivate(): Uint8Array {
    return new Uint8Array(this.#privateKey);
  }
}

class NobleKemPublicKey implements KemPublicKey {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  encapsulate(): Encapsulation {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(this.bytes);
    return { ciphertext: cipherText, sharedSecret };
  }
}

class NobleKemKeypair implements KemKeypair {
  readonly publicKey: KemPublicKey;
  readonly #seed: Uint8Array;
  readonly #secretKey: Uint8Array;

  constructor(seed: Uint8Array) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    this.publicKey = new NobleKemPublicKey(publicKey);
    this.#seed = seed;
    this.#secretKey = secretKey;
  }

  decapsulate(ciphertext: Uint8Array): Uint8Array {
    return ml_kem768.decapsulate(ciphertext, this.#secretKey);
  }

  exportSeed(): Uint8Array {
    return new Uint8Array(this.#seed);
  }
}

class NobleHash implements HashFunction {
  readonly #hash: typeof sha256 | typeof blake2s;

  constructor(hash: typeof sha256 | typeof blake2s) {
    this.#hash = hash;
  }

  digest(parts: readonly Uint8Array[]): Uint8Array {
    const running = this.#hash.create();
    for (const part of parts) running.update(part);
    return running.digest();
  }

  hkdf(chainingKey: Uint8Array, inputKeyMaterial: Uint8Array, outputs: 2 | 3): Uint8Array {
    const temporary = extract(this.#hash, inputKeyMaterial, chainingKey);
    return expand(this.#hash, temporary, undefined, outputs * KEY_LENGTH);
  }
}

class NobleAeadKey implements AeadKey {
  readonly #key: Uint8Array;
  readonly #nonce: NonceWriter;
  readonly #cipher: typeof gcm | typeof chacha20poly1305;

  constructor(name: AeadName, key: Uint8Array) {
    this.#key = new Uint8Array(key);
    this.#nonce = new NonceWriter(name);
    this.#cipher = name === 'AESGCM' ? gcm : chacha20poly1305;
  }

  seal(nonce: number, ad: Uint8Array, plaintext: Uint8Array): Sealed {
    const sealed = this.#cipher(this.#key, this.#nonce.write(nonce), ad).encrypt(plaintext);
    return [sealed.subarray(0, -TAG_LENGTH), sealed.subarray(-TAG_LENGTH)];
  }

  open(nonce: number, ad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array {
    const sealed = Buffer.concat([ciphertext, tag]);
    return this.#cipher(this.#key, this.#nonce.write(nonce), ad).decrypt(sealed);
  }
}
