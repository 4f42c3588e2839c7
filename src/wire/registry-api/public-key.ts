import { z } from 'zod';
import type { PublicKey } from '../../noise/index.ts';
import { WireError } from '../errors.ts';

/** The tag in JSON. Not the Noise protocol name, which says `25519` (contract §2.1). */
export const PUBLIC_KEY_SUITE = 'Noise_hybridIK_X25519+MLKEM768_AESGCM_SHA256';

const X25519_BYTES = 32;
const MLKEM768_BYTES = 1184;

/** Standard base64 with padding of exactly `length` bytes; Node's decoder alone would take nearly any text. */
function base64Of(length: number) {
  return z.string().refine((text) => {
    const bytes = Buffer.from(text, 'base64');
    return bytes.length === length && bytes.toString('base64') === text;
  });
}

/** Exactly these three fields (contract §2.1): the real peer refuses anything else. */
export const publicKeyJson = z.strictObject({
  suite: z.literal(PUBLIC_KEY_SUITE),
  x25519_public_key: base64Of(X25519_BYTES),
  mlkem768_public_key: base64Of(MLKEM768_BYTES),
});

export type PublicKeyJson = z.infer<typeof publicKeyJson>;

export function encodePublicKey({ x25519, mlkem768 }: PublicKey): PublicKeyJson {
  return {
    suite: PUBLIC_KEY_SUITE,
    x25519_public_key: Buffer.from(x25519).toString('base64'),
    mlkem768_public_key: Buffer.from(mlkem768).toString('base64'),
  };
}

/** @throws WireError `malformed_value` */
export function decodePublicKey(value: unknown): PublicKey {
  const parsed = publicKeyJson.safeParse(value);
  if (!parsed.success) {
    throw new WireError(
      'malformed_value',
      'public key',
      parsed.error.issues.map(({ path }) => path.join('.')).join(', '),
    );
  }
  return {
    x25519: Buffer.from(parsed.data.x25519_public_key, 'base64'),
    mlkem768: Buffer.from(parsed.data.mlkem768_public_key, 'base64'),
  };
}
