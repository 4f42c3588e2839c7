// The default import: on a Node without ML-KEM a named import of `encapsulate` would keep the whole program from loading.
import crypto, { type KeyObject } from 'node:crypto';
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
 * OpenSSL through node:crypto, with key objects everywhere: as an AEAD or HKDF key one is two to three times as fast as its bytes. Each
 * public key is imported at most once, when it is first used.
 */
export const nodeCrypto: CryptoProvider = {
  name: 'node:crypto',
  generateDh() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('x25519');
    return new NodeDhKeypair(privateKey, publicKey);
  },
  importDh(bytes) {
    const input = { key: asBuffer(bytes), format: 'raw-private', asymmetricKeyType: 'x25519' } as const;
    const privateKey = crypto.createPrivateKey(input);
    return new NodeDhKeypair(privateKey, crypto.createPublicKey(privateKey));
  },
  importDhPublic: (publicKey) => new NodeDhPublicKey(publicKey),
  generateKem() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ml-kem-768');
    return new NodeKemKeypair(privateKey, publicKey);
  },
  importKem(seed) {
    const input = { key: asBuffer(seed), format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' } as const;
    const privateKey = crypto.createPrivateKey(input);
    return new NodeKemKeypair(privateKey, crypto.createPublicKey(privateKey));
  },
  importKemPublic: (publicKey) => new NodeKemPublicKey(publicKey),
  hash: (name) => (name === 'SHA256' ? sha256 : blake2s),
  aead: (name, key) => new NodeAeadKey(name, key),
};

/** Whether this Node has ML-KEM: 24.7 or later, and built with OpenSSL 3.5 or later, which distributions do not always do. */
export function nodeHasKem(): boolean {
  if (typeof crypto.encapsulate !== 'function') return false;
  try {
    crypto.generateKeyPairSync('ml-kem-768');
    return true;
  } catch {
    return false;
  }
}

class NodeDhPublicKey implements DhPublicKey {
  readonly bytes: Uint8Array;
  #imported: KeyObject | undefined;

  constructor(bytes: Uint8Array, imported?: KeyObject) {
    this.bytes = bytes;
    this.#imported = imported;
  }

  get keyObject(): KeyObject {
    this.#imported ??= importPublic(X25519_SPKI, this.bytes);
    return this.#imported;
  }
}

class NodeDhKeypair implements DhKeypair {
  readonly publicKey: NodeDhPublicKey;
  readonly #privateKey: KeyObject;

  constructor(privateKey: KeyObject, publicKey: KeyObject) {
    this.publicKey = new NodeDhPublicKey(publicKey.export({ format: 'raw-public' }), publicKey);
    this.#privateKey = privateKey;
  }

  agree(remote: DhPublicKey): Uint8Array {
    const publicKey = remote instanceof NodeDhPublicKey ? remote : new NodeDhPublicKey(remote.bytes);
    return crypto.diffieHellman({ privateKey: this.#privateKey, publicKey: publicKey.keyObject });
  }

  exportPrivate(): Uint8Array {
    return this.#privateKey.export({ format: 'raw-private' });
  }
}

class NodeKemPublicKey implements KemPublicKey {
  readonly bytes: Uint8Array;
  #imported: KeyObject | undefined;

  constructor(bytes: Uint8Array, imported?: KeyObject) {
    this.bytes = bytes;
    this.#imported = imported;
  }

  encapsulate(): Encapsulation {
    this.#imported ??= importPublic(ML_KEM_768_SPKI, this.bytes);
    const { ciphertext, sharedKey } = crypto.encapsulate(this.#imported);
    return { ciphertext, sharedSecret: sharedKey };
  }
}

class NodeKemKeypair implements KemKeypair {
  readonly publicKey: NodeKemPublicKey;
  readonly #privateKey: KeyObject;

  constructor(privateKey: KeyObject, publicKey: KeyObject) {
    this.publicKey = new NodeKemPublicKey(publicKey.export({ format: 'raw-public' }), publicKey);
    this.#privateKey = privateKey;
  }

  decapsulate(ciphertext: Uint8Array): Uint8Array {
    return crypto.decapsulate(this.#privateKey, ciphertext);
  }

  exportSeed(): Uint8Array {
    return this.#privateKey.export({ format: 'raw-seed' });
  }
}

class NodeHash implements HashFunction {
  readonly #digest: string;

  constructor(digest: string) {
    this.#digest = digest;
  }

  digest(parts: readonly Uint8Array[]): Uint8Array {
    return crypto.hash(this.#digest, Buffer.concat(parts), 'buffer');
  }

  /** RFC 5869 with salt = chaining key and no info is the HKDF of Noise §4.3. */
  hkdf(chainingKey: Uint8Array, inputKeyMaterial: Uint8Array, outputs: 2 | 3): Uint8Array {
    const key = crypto.createSecretKey(inputKeyMaterial);
    return new Uint8Array(crypto.hkdfSync(this.#digest, key, chainingKey, '', outputs * KEY_LENGTH));
  }
}

const sha256 = new NodeHash('sha256');
const blake2s = new NodeHash('blake2s256');

const OPTIONS = { authTagLength: TAG_LENGTH };

class NodeAeadKey implements AeadKey {
  readonly #key: KeyObject;
  readonly #nonce: NonceWriter;
  readonly #isGcm: boolean;

  constructor(name: AeadName, key: Uint8Array) {
    this.#key = crypto.createSecretKey(key);
    this.#nonce = new NonceWriter(name);
    this.#isGcm = name === 'AESGCM';
  }

  seal(nonce: number, ad: Uint8Array, plaintext: Uint8Array): Sealed {
    const cipher = this.#cipher(this.#nonce.write(nonce));
    if (ad.length > 0) cipher.setAAD(ad, { plaintextLength: plaintext.length });
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return [ciphertext, cipher.getAuthTag()];
  }

  open(nonce: number, ad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array {
    const decipher = this.#decipher(this.#nonce.write(nonce));
    if (ad.length > 0) decipher.setAAD(ad, { plaintextLength: ciphertext.length });
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(ciphertext);
    decipher.final();
    return plaintext;
  }

  #cipher(iv: Uint8Array) {
    return this.#isGcm
      ? crypto.createCipheriv('aes-256-gcm', this.#key, iv, OPTIONS)
      : crypto.createCipheriv('chacha20-poly1305', this.#key, iv, OPTIONS);
  }

  #decipher(iv: Uint8Array) {
    return this.#isGcm
      ? crypto.createDecipheriv('aes-256-gcm', this.#key, iv, OPTIONS)
      : crypto.createDecipheriv('chacha20-poly1305', this.#key, iv, OPTIONS);
  }
}

/** What stands before the raw key in a SubjectPublicKeyInfo (RFC 8410 §4, and the OID of ML-KEM-768). */
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const ML_KEM_768_SPKI = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');

/**
 * Through PEM of all things: given an object, Node 24.18 and later find out that it is not a key object by throwing and catching twice,
 * with stack traces, and a string is spared that. Measured on 24.21: an X25519 key in 5.5 µs, 16 raw and 23 in DER; an ML-KEM key in
 * 24 µs, 30 raw and 34 in DER. Public keys only: strings cannot be wiped.
 */
function importPublic(prefix: Buffer, bytes: Uint8Array): KeyObject {
  const base64 = Buffer.concat([prefix, bytes]).toString('base64');
  return crypto.createPublicKey(`-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`);
}

/** node:crypto's raw formats want a Buffer: the same memory, no copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
