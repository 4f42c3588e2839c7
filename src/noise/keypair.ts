import { createHash } from 'node:crypto';
import { defaultCrypto } from './crypto/default-crypto.ts';
import { isKemPublicKey } from './crypto/mlkem768.ts';
import { type CryptoProvider, DH_LENGTH, type DhKeypair, type KemKeypair } from './crypto/provider.ts';
import { NoiseError } from './error.ts';

/** The public half of a static key of the hybrid suite (contract §2.1). */
export interface PublicKey {
  /** 32 bytes. */
  readonly x25519: Uint8Array;
  /** 1184 bytes. */
  readonly mlkem768: Uint8Array;
}

/** A static keypair of the hybrid suite. The private halves stay inside their provider's objects; nothing here prints them. */
export interface Keypair {
  readonly publicKey: PublicKey;
  readonly x25519: DhKeypair;
  readonly mlkem768: KemKeypair;
}

export function generateKeypair(crypto: CryptoProvider = defaultCrypto()): Keypair {
  return keypairOf(crypto.generateDh(), crypto.generateKem());
}

export interface PrivateKeyBytes {
  /** 32 bytes. */
  readonly x25519: Uint8Array;
  /** 64 bytes: d ‖ z. */
  readonly mlkem768Seed: Uint8Array;
}

/** The caller wipes its bytes afterwards. */
export function importKeypair(bytes: PrivateKeyBytes, crypto: CryptoProvider = defaultCrypto()): Keypair {
  return keypairOf(crypto.importDh(bytes.x25519), crypto.importKem(bytes.mlkem768Seed));
}

function keypairOf(x25519: DhKeypair, mlkem768: KemKeypair): Keypair {
  return { publicKey: { x25519: x25519.publicKey.bytes, mlkem768: mlkem768.publicKey.bytes }, x25519, mlkem768 };
}

/** `SHA256:` and the unpadded standard base64 of SHA-256(x25519 ‖ mlkem768), as `ssh-keygen -l` prints keys. */
export function keyFingerprint({ x25519, mlkem768 }: PublicKey): string {
  const digest = createHash('sha256').update(x25519).update(mlkem768).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

/** Of public keys, so not in constant time. */
export function publicKeysEqual(a: PublicKey, b: PublicKey): boolean {
  return Buffer.compare(a.x25519, b.x25519) === 0 && Buffer.compare(a.mlkem768, b.mlkem768) === 0;
}

/** Throws `bad_public_key` unless both lengths are right and the ML-KEM half passes the modulus check of FIPS 203 §7.2. */
export function checkPublicKey({ x25519, mlkem768 }: PublicKey, step = 'public key'): void {
  if (x25519.length !== DH_LENGTH) {
    throw new NoiseError({
      code: 'bad_public_key',
      step,
      message: `the X25519 key has ${x25519.length} bytes, not 32`,
    });
  }
  if (!isKemPublicKey(mlkem768)) {
    throw new NoiseError({ code: 'bad_public_key', step, message: 'the ML-KEM key fails the check of FIPS 203 §7.2' });
  }
}
