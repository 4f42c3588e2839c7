/** ML-KEM-768 as FIPS 203 table 3 sizes it, in bytes. */
export const KEM_PUBLIC_LENGTH = 1184;
export const KEM_CIPHERTEXT_LENGTH = 1088;
export const KEM_SEED_LENGTH = 64;

const MODULUS = 3329;
/** k = 3 polynomials of 256 coefficients, 12 bits each; the last 32 bytes are the seed of the matrix and may be anything. */
const COEFFICIENT_BYTES = 1152;

/**
 * The modulus check of FIPS 203 §7.2: every coefficient is reduced. Done here, in about a microsecond, so that a bad key is refused
 * where it is read, by each provider alike, and long before the costly import.
 */
export function isKemPublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== KEM_PUBLIC_LENGTH) return false;
  for (let at = 0; at < COEFFICIENT_BYTES; at += 3) {
    const first = bytes[at] ?? 0;
    const middle = bytes[at + 1] ?? 0;
    const last = bytes[at + 2] ?? 0;
    if ((first | ((middle & 0x0f) << 8)) >= MODULUS || ((middle >> 4) | (last << 4)) >= MODULUS) return false;
  }
  return true;
}
