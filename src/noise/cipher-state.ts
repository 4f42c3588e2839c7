import { type AeadKey, type Sealed, TAG_LENGTH } from './crypto/provider.ts';
import { NoiseError } from './error.ts';

/**
 * The last counter used. Noise §5.1 reserves 2^64 − 1; we stop where numbers stop being exact, which no stream reaches: `seq` of an
 * envelope has 32 bits.
 */
const MAX_NONCE = Number.MAX_SAFE_INTEGER;

/** Noise §3: no message, and so no record, is longer. */
export const MAX_NOISE_MESSAGE_BYTES = 65_535;

const NO_AD = new Uint8Array(0);

/** Noise §5.1: a key and a counter. One direction of a channel; records must be opened in the order in which they were sealed. */
export class CipherState {
  #key: AeadKey | undefined;
  #nonce = 0;

  constructor(key: AeadKey) {
    this.#key = key;
  }

  /** One record without associated data: `ciphertext` as long as `plaintext`, and a 16-byte tag. */
  seal(plaintext: Uint8Array): Sealed {
    return this.sealWithAd(NO_AD, plaintext);
  }

  /** The counterpart of `seal`, of ciphertext ‖ tag. */
  open(sealed: Uint8Array): Uint8Array {
    return this.openWithAd(NO_AD, sealed);
  }

  /** ENCRYPTWITHAD. Throws `bad_length`, `nonce_exhausted`, `state`. */
  sealWithAd(ad: Uint8Array, plaintext: Uint8Array, step = 'seal'): Sealed {
    if (plaintext.length + TAG_LENGTH > MAX_NOISE_MESSAGE_BYTES) throw badLength(step, plaintext.length + TAG_LENGTH);
    const key = this.#usableKey(step);
    const sealed = key.seal(this.#nonce, ad, plaintext);
    this.#nonce += 1;
    return sealed;
  }

  /** DECRYPTWITHAD. Throws `decrypt_failed`, `bad_length`, `nonce_exhausted`, `state`; the counter moves only on success. */
  openWithAd(ad: Uint8Array, sealed: Uint8Array, step = 'open'): Uint8Array {
    if (sealed.length < TAG_LENGTH || sealed.length > MAX_NOISE_MESSAGE_BYTES) throw badLength(step, sealed.length);
    const key = this.#usableKey(step);
    const end = sealed.length - TAG_LENGTH;
    let plaintext: Uint8Array;
    try {
      plaintext = key.open(this.#nonce, ad, sealed.subarray(0, end), sealed.subarray(end));
    } catch (cause) {
      throw new NoiseError({ code: 'decrypt_failed', step, message: 'the authentication tag does not match', cause });
    }
    this.#nonce += 1;
    return plaintext;
  }

  /** SETNONCE: continue at `nonce`. For transports that lose records; ours never do. */
  setNonce(nonce: number): void {
    if (!Number.isSafeInteger(nonce) || nonce < 0) {
      throw new NoiseError({ code: 'state', step: 'set nonce', message: `${nonce} is no counter` });
    }
    this.#nonce = nonce;
  }

  /** Forgets the key: every later call throws `state`. */
  wipe(): void {
    this.#key = undefined;
  }

  #usableKey(step: string): AeadKey {
    if (!this.#key) throw new NoiseError({ code: 'state', step, message: 'the cipher state was wiped' });
    if (this.#nonce >= MAX_NONCE) {
      throw new NoiseError({ code: 'nonce_exhausted', step, message: 'this key may seal and open nothing more' });
    }
    return this.#key;
  }
}

function badLength(step: string, length: number): NoiseError {
  return new NoiseError({
    code: 'bad_length',
    step,
    message: `${length} bytes; a sealed message has ${TAG_LENGTH} to ${MAX_NOISE_MESSAGE_BYTES}`,
  });
}
