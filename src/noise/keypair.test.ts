import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { NoiseError } from './error.ts';
import { checkPublicKey, generateKeypair, keyFingerprint, publicKeysEqual } from './keypair.ts';

it('names a key by the SHA-256 of both public halves, in unpadded base64', () => {
  const { publicKey } = generateKeypair();

  const digest = createHash('sha256').update(publicKey.x25519).update(publicKey.mlkem768).digest('base64');

  expect(keyFingerprint(publicKey)).toBe(`SHA256:${digest.slice(0, -1)}`);
  expect(keyFingerprint(publicKey)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
});

it('tells keys apart when only one half differs', () => {
  const { publicKey } = generateKeypair();
  const other = generateKeypair().publicKey;

  expect(publicKeysEqual(publicKey, { x25519: publicKey.x25519.slice(), mlkem768: publicKey.mlkem768.slice() })).toBe(
    true,
  );
  expect(publicKeysEqual(publicKey, { ...publicKey, x25519: other.x25519 })).toBe(false);
  expect(publicKeysEqual(publicKey, { ...publicKey, mlkem768: other.mlkem768 })).toBe(false);
});

it('refuses halves of a wrong length or out of range', () => {
  const { publicKey } = generateKeypair();

  expect(() => checkPublicKey(publicKey)).not.toThrow();
  expect(() => checkPublicKey({ ...publicKey, x25519: new Uint8Array(31) })).toThrow(NoiseError);
  expect(() => checkPublicKey({ ...publicKey, mlkem768: new Uint8Array(1184).fill(255) })).toThrow(NoiseError);
});
