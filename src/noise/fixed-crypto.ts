import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { CryptoProvider } from './crypto/provider.ts';

export interface FixedRandomness {
  /** 32-byte X25519 private keys, in the order in which they are generated. */
  readonly dh: readonly Uint8Array[];
  /** 64-byte ML-KEM seeds, likewise. */
  readonly kem: readonly Uint8Array[];
  /** 32-byte encapsulation messages (FIPS 203 §6.2), likewise. */
  readonly coins: readonly Uint8Array[];
}

/**
 * For known-answer tests only: `base` with its randomness replaced. No provider can be told its coins through the seam itself, so that
 * nothing in the product can reach this. Encapsulation is noble's, because node:crypto takes no coins.
 */
export function fixedCrypto(base: CryptoProvider, { dh, kem, coins }: FixedRandomness): CryptoProvider {
  const dhLeft = [...dh];
  const kemLeft = [...kem];
  const coinsLeft = [...coins];
  return {
    ...base,
    name: `${base.name} with fixed randomness`,
    generateDh: () => base.importDh(next(dhLeft)),
    generateKem: () => base.importKem(next(kemLeft)),
    importKemPublic: (bytes) => ({
      bytes,
      encapsulate() {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(bytes, next(coinsLeft));
        return { ciphertext: cipherText, sharedSecret };
      },
    }),
  };
}

function next(left: Uint8Array[]): Uint8Array {
  const value = left.shift();
  if (!value) throw new Error('the vector holds no more randomness');
  return value;
}
