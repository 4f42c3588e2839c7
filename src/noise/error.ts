/**
 * Why the noise room refuses. Codes are API: renaming one is a breaking change.
 *
 * - `decrypt_failed`: an authentication tag is wrong: forged, damaged, out of order, or for another key or prologue.
 * - `bad_length`: a message or record is too short, too long, or not as long as its pattern says.
 * - `low_order_point`: an X25519 result was all zero; such a peer contributes nothing secret.
 * - `bad_public_key`: an ML-KEM public key fails the checks of FIPS 203 §7.2, or a key has a wrong length.
 * - `bad_ciphertext`: an ML-KEM ciphertext could not be decapsulated.
 * - `nonce_exhausted`: a key sealed or opened as many records as it may.
 * - `state`: the caller's mistake: not its turn, finished, failed before, or wiped.
 * - `missing_key`: the pattern needs a key that was not given.
 * - `unknown_protocol`: no such protocol name here.
 * - `key_file_*`: see docs/key-file.md.
 */
export type NoiseErrorCode =
  | 'decrypt_failed'
  | 'bad_length'
  | 'low_order_point'
  | 'bad_public_key'
  | 'bad_ciphertext'
  | 'nonce_exhausted'
  | 'state'
  | 'missing_key'
  | 'unknown_protocol'
  | 'key_file_exists'
  | 'key_file_missing'
  | 'key_file_permissions'
  | 'key_file_malformed'
  | 'key_file_version'
  | 'key_file_io';

export interface NoiseFailure {
  code: NoiseErrorCode;
  /** Where it failed, in the specification's words: `message 1: es`, `record`, `key file`. */
  step: string;
  message: string;
  cause?: unknown;
}

/** The only error that this room throws. Its message never holds key material or plaintext. */
export class NoiseError extends Error {
  override readonly name = 'NoiseError';
  readonly code: NoiseErrorCode;
  readonly step: string;

  constructor({ code, step, message, cause }: NoiseFailure) {
    super(`${step}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.step = step;
  }
}
