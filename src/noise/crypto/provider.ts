/**
 * The one seam between the framework and whoever does the mathematics. Keys are objects with their operations, so that a private
 * half stays where its provider keeps it. Lengths are checked by the framework before a provider sees anything.
 */
export interface CryptoProvider {
  readonly name: string;
  generateDh(): DhKeypair;
  /** 32 bytes, X25519 (RFC 7748). The caller wipes its copy. */
  importDh(privateKey: Uint8Array): DhKeypair;
  importDhPublic(publicKey: Uint8Array): DhPublicKey;
  generateKem(): KemKeypair;
  /** 64 bytes, d ‖ z of FIPS 203 §7.1. The caller wipes its copy. */
  importKem(seed: Uint8Array): KemKeypair;
  importKemPublic(publicKey: Uint8Array): KemPublicKey;
  hash(name: HashName): HashFunction;
  /** 32-byte key. The caller wipes its copy. */
  aead(name: AeadName, key: Uint8Array): AeadKey;
}

export type HashName = 'SHA256' | 'BLAKE2s';
export type AeadName = 'AESGCM' | 'ChaChaPoly';

export interface DhPublicKey {
  readonly bytes: Uint8Array;
}

export interface DhKeypair {
  readonly publicKey: DhPublicKey;
  /** 32 bytes. Throws, or gives 32 zero bytes, for a point of low order. */
  agree(remote: DhPublicKey): Uint8Array;
  /** A copy of the 32 private bytes; the caller wipes it. */
  exportPrivate(): Uint8Array;
}

export interface Encapsulation {
  readonly ciphertext: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

export interface KemPublicKey {
  readonly bytes: Uint8Array;
  encapsulate(): Encapsulation;
}

export interface KemKeypair {
  readonly publicKey: KemPublicKey;
  /** 32 bytes. A wrong ciphertext of the right length gives another secret (implicit rejection), never an error. */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
  /** A copy of the 64 seed bytes; the caller wipes it. */
  exportSeed(): Uint8Array;
}

export interface HashFunction {
  /** The 32-byte hash of the parts, one after the other. */
  digest(parts: readonly Uint8Array[]): Uint8Array;
  /** HKDF of Noise §4.3: as many 32-byte outputs as asked, in one array. */
  hkdf(chainingKey: Uint8Array, inputKeyMaterial: Uint8Array, outputs: 2 | 3): Uint8Array;
}

/** Ciphertext and 16-byte tag apart: whoever frames a record copies each byte once. */
export type Sealed = [ciphertext: Uint8Array, tag: Uint8Array];

export interface AeadKey {
  /** `nonce` is the record counter, at most `Number.MAX_SAFE_INTEGER`; how it becomes 12 bytes is the cipher's own matter. */
  seal(nonce: number, ad: Uint8Array, plaintext: Uint8Array): Sealed;
  /** Throws when the tag is wrong. */
  open(nonce: number, ad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Uint8Array;
}

export const DH_LENGTH = 32;
export const HASH_LENGTH = 32;
export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;

const NONCE_LENGTH = 12;
const TWO_TO_32 = 2 ** 32;

/**
 * Writes counters as 12-byte nonces: four zero bytes, then 64 bits, big-endian for AESGCM and little-endian for ChaChaPoly
 * (Noise §12.3, §12.4). One buffer a writer, used again for each record: ciphers copy it when they start.
 */
export class NonceWriter {
  readonly #bytes = Buffer.alloc(NONCE_LENGTH);
  readonly #littleEndian: boolean;

  constructor(name: AeadName) {
    this.#littleEndian = name === 'ChaChaPoly';
  }

  write(nonce: number): Uint8Array {
    const high = Math.floor(nonce / TWO_TO_32);
    const low = nonce % TWO_TO_32;
    if (this.#littleEndian) {
      this.#bytes.writeUInt32LE(low, 4);
      this.#bytes.writeUInt32LE(high, 8);
    } else {
      this.#bytes.writeUInt32BE(high, 4);
      this.#bytes.writeUInt32BE(low, 8);
    }
    return this.#bytes;
  }
}
