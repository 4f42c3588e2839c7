import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nobleCrypto } from '../crypto/noble-crypto.ts';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { NoiseError } from '../error.ts';
import { generateKeypair, importKeypair, publicKeysEqual } from '../keypair.ts';
import { decodeKeyFile, encodeKeyFile, MAX_KEY_FILE_BYTES } from './format.ts';

const keypair = generateKeypair();
const file = Buffer.from(encodeKeyFile(keypair)).toString();
const decode = (text: string) => decodeKeyFile(new TextEncoder().encode(text));
const codeOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error instanceof NoiseError ? error.code : error;
  }
  return 'no error';
};

it('is the documented format', () => {
  const x25519PrivateKey = new Uint8Array(32).fill(1);
  const seed = new Uint8Array(64).fill(2);

  const text = Buffer.from(encodeKeyFile(importKeypair({ x25519: x25519PrivateKey, mlkem768Seed: seed }))).toString();

  expect(JSON.parse(text)).toEqual({
    version: 1,
    suite: 'Noise_hybridIK_X25519+MLKEM768_AESGCM_SHA256',
    fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/),
    x25519PrivateKey: 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
    mlkem768Seed: Buffer.from(seed).toString('base64'),
  });
});

it.each([nodeCrypto, nobleCrypto])('gives the same keys back by $name', (crypto) => {
  const read = decodeKeyFile(new TextEncoder().encode(file), crypto);

  expect(publicKeysEqual(read.publicKey, keypair.publicKey)).toBe(true);
  expect(Buffer.from(encodeKeyFile(read)).toString()).toBe(file);
});

it('takes members in any order and with any white space', () => {
  const members = Object.entries(JSON.parse(file)).reverse();

  expect(publicKeysEqual(decode(JSON.stringify(Object.fromEntries(members))).publicKey, keypair.publicKey)).toBe(true);
});

describe('a file that is not right', () => {
  const { x25519PrivateKey, ...withoutPrivateKey } = JSON.parse(file);
  const changed = (changes: object) => JSON.stringify({ ...JSON.parse(file), ...changes });

  it.each([
    ['another version', changed({ version: 2 }), 'key_file_version'],
    ['a version that is a string', changed({ version: '1' }), 'key_file_malformed'],
    ['another suite', changed({ suite: 'Noise_IK_25519_AESGCM_SHA256' }), 'key_file_malformed'],
    ['an unknown member', changed({ comment: 'mine' }), 'key_file_malformed'],
    ['a missing member', JSON.stringify(withoutPrivateKey), 'key_file_malformed'],
    ['a short key', changed({ x25519PrivateKey: x25519PrivateKey.slice(4) }), 'key_file_malformed'],
    ['unpadded base64', changed({ x25519PrivateKey: x25519PrivateKey.replace('=', '') }), 'key_file_malformed'],
    ['keys of another file', changed({ x25519PrivateKey: 'A'.repeat(43).concat('=') }), 'key_file_malformed'],
    ['a list', '[]', 'key_file_malformed'],
    ['nothing', '', 'key_file_malformed'],
    ['too much', file + ' '.repeat(MAX_KEY_FILE_BYTES), 'key_file_malformed'],
  ])('is refused: %s', (_, text, code) => {
    expect(codeOf(() => decode(text))).toBe(code);
  });

  it('is refused by a NoiseError that repeats nothing of it, whatever was changed', () => {
    const secrets = [x25519PrivateKey, JSON.parse(file).mlkem768Seed];
    fc.assert(
      fc.property(
        fc.nat(file.length - 1),
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.nat(4),
        (at, insert, cut) => {
          const text = file.slice(0, at) + insert + file.slice(at + cut);
          try {
            expect(publicKeysEqual(decode(text).publicKey, keypair.publicKey)).toBe(true);
          } catch (error) {
            if (!(error instanceof NoiseError)) throw error;
            for (const secret of secrets) {
              for (let from = 0; from + 8 <= secret.length; from += 8)
                expect(error.message).not.toContain(secret.slice(from, from + 8));
            }
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
