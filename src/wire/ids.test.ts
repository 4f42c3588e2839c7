import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKeypair, keyFingerprint } from '../noise/index.ts';
import {
  environmentIdOf,
  fingerprintOf,
  keyHash,
  lengthPrefixed,
  parseEnvironmentId,
  parseFingerprint,
  parseIncarnation,
  parseKeyId,
  parseStreamId,
  registrationIdOf,
} from './ids.ts';
import { codeOf } from './testing/code-of.ts';

describe('environment ids', () => {
  it('are namespace and executor, joined by an underscore', () => {
    expect(environmentIdOf('team-a', 'build')).toBe('team-a_build');
    expect(environmentIdOf('team-a', '_fleet')).toBe('team-a__fleet');
  });

  it('end in 128 bits of hash when the text is over 64 characters', () => {
    const name = 'n'.repeat(63);
    const id = environmentIdOf('team-a', name);
    const hash = createHash('sha256').update(`team-a_${name}`).digest('hex');
    expect(id).toHaveLength(64);
    expect(id).toBe(`team-a_${'n'.repeat(24)}-${hash.slice(0, 32)}`);
  });

  it.each(['', 'A', 'a/b', 'a b', 'ä', 'a'.repeat(65), 'a\n'])('refuse %j', (text) => {
    expect(codeOf(() => parseEnvironmentId(text))).toBe('malformed_value');
  });
});

describe('stream ids', () => {
  it.each(['x', 'not-a-uuid', ' x ', 'ü', 'x'.repeat(127)])('take %j', (text) => {
    expect(parseStreamId(text)).toBe(text);
  });

  it.each(['', ' ', '\t\n', '\u0085', '\u00a0', 'x'.repeat(128), 'ü'.repeat(64)])('refuse %j', (text) => {
    expect(codeOf(() => parseStreamId(text))).toBe('bad_stream_id');
  });
});

describe('key ids', () => {
  it.each(['k0', 'k01', 'K1', 'k', '1', 'k1 '])('refuse %j', (text) => {
    expect(codeOf(() => parseKeyId(text))).toBe('malformed_value');
  });
});

describe('registration ids', () => {
  const life = parseIncarnation('0d6c9f2e-1111-4222-8333-944445555666');
  const fingerprint = parseFingerprint(`SHA256:${'A'.repeat(43)}`);

  it('are the base64url of a SHA-256 over length-prefixed parts', () => {
    const parts = ['team-a_build', life, fingerprint].map((part) => {
      const length = Buffer.alloc(8);
      length.writeUInt32BE(part.length, 4);
      return Buffer.concat([length, Buffer.from(part)]);
    });
    const expected = createHash('sha256').update(Buffer.concat(parts)).digest('base64url');
    expect(registrationIdOf(parseEnvironmentId('team-a_build'), life, fingerprint)).toBe(expected);
  });

  it('differ when any part differs', () => {
    const environment = parseEnvironmentId('a_b');
    const other = parseFingerprint(`SHA256:${'B'.repeat(43)}`);
    const ids = [
      registrationIdOf(environment, life, fingerprint),
      registrationIdOf(parseEnvironmentId('a_c'), life, fingerprint),
      registrationIdOf(environment, parseIncarnation('other'), fingerprint),
      registrationIdOf(environment, life, other),
    ];
    expect(new Set(ids).size).toBe(4);
  });
});

describe('length prefixes', () => {
  it('make two lists of parts different bytes', () => {
    const part = fc.string({ unit: 'grapheme', maxLength: 4 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 3 }), fc.array(part, { maxLength: 3 }), (a, b) => {
        const same = a.length === b.length && a.every((text, index) => text === b[index]);
        expect(lengthPrefixed(...a).equals(lengthPrefixed(...b))).toBe(same);
      }),
    );
  });
});

describe('key hashes', () => {
  it('are the fingerprint of the key, under another name', () => {
    const { publicKey } = generateKeypair();
    expect(fingerprintOf(publicKey)).toBe(keyFingerprint(publicKey));
    expect(keyHash(publicKey)).toBe(keyFingerprint(publicKey));
  });
});
