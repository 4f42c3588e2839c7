import { createPublicKey, encapsulate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKemPublicKey, KEM_CIPHERTEXT_LENGTH, KEM_PUBLIC_LENGTH } from './mlkem768.ts';
import { nobleCrypto } from './noble-crypto.ts';
import { nodeCrypto } from './node-crypto.ts';
import { type AeadName, type HashName, NonceWriter } from './provider.ts';

const providers = [nodeCrypto, nobleCrypto];
const pairs = providers.flatMap((one) => providers.map((other) => ({ one, other })));
const plain = (bytes: Uint8Array) => new Uint8Array(bytes);
const of32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe.each(pairs)('$one.name with $other.name', ({ one, other }) => {
  it('agrees on X25519 secrets and public keys', () => {
    fc.assert(
      fc.property(of32, of32, (a, b) => {
        const [ours, theirs] = [one.importDh(a), other.importDh(b)];
        expect(plain(other.importDh(a).publicKey.bytes)).toEqual(plain(ours.publicKey.bytes));
        expect(plain(ours.agree(one.importDhPublic(theirs.publicKey.bytes)))).toEqual(
          plain(theirs.agree(other.importDhPublic(ours.publicKey.bytes))),
        );
        expect(plain(ours.agree(theirs.publicKey))).toEqual(plain(theirs.agree(ours.publicKey)));
        expect(plain(ours.exportPrivate())).toEqual(a);
      }),
      { numRuns: 20 },
    );
  });

  it('decapsulates what the other encapsulated, and rejects a changed ciphertext implicitly and alike', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.nat(KEM_CIPHERTEXT_LENGTH - 1), (seed, at) => {
        const ours = one.importKem(seed);
        const same = other.importKem(seed);
        expect(plain(same.publicKey.bytes)).toEqual(plain(ours.publicKey.bytes));
        expect(plain(ours.exportSeed())).toEqual(seed);
        const { ciphertext, sharedSecret } = other.importKemPublic(ours.publicKey.bytes).encapsulate();
        expect(plain(ours.decapsulate(ciphertext))).toEqual(plain(sharedSecret));
        const changed = plain(ciphertext);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(plain(ours.decapsulate(changed))).not.toEqual(plain(sharedSecret));
        expect(plain(ours.decapsulate(changed))).toEqual(plain(same.decapsulate(changed)));
      }),
      { numRuns: 10 },
    );
  });
});

describe('hashes', () => {
  it.each(['SHA256', 'BLAKE2s'] satisfies HashName[])('%s and its HKDF give the same by both providers', (name) => {
    fc.assert(
      fc.property(
        of32,
        fc.uint8Array({ maxLength: 64 }),
        fc.array(fc.uint8Array({ maxLength: 99 })),
        (ck, ikm, parts) => {
          const [native, noble] = [nodeCrypto.hash(name), nobleCrypto.hash(name)];
          expect(plain(native.digest(parts))).toEqual(plain(noble.digest(parts)));
          for (const outputs of [2, 3] as const) {
            expect(plain(native.hkdf(ck, ikm, outputs))).toEqual(plain(noble.hkdf(ck, ikm, outputs)));
          }
        },
      ),
    );
  });
});

describe('nonces', () => {
  it.each([
    { aead: 'AESGCM', nonce: 1, hex: '000000000000000000000001' },
    { aead: 'AESGCM', nonce: 0x01_0203_0405_0607, hex: '000000000001020304050607' },
    { aead: 'ChaChaPoly', nonce: 1, hex: '000000000100000000000000' },
    { aead: 'ChaChaPoly', nonce: 0x01_0203_0405_0607, hex: '000000000706050403020100' },
  ] satisfies { aead: AeadName; nonce: number; hex: string }[])(
    'of $aead at $nonce are $hex',
    ({ aead, nonce, hex }) => {
      expect(Buffer.from(new NonceWriter(aead).write(nonce)).toString('hex')).toBe(hex);
    },
  );
});

describe('the check of ML-KEM public keys', () => {
  const key = plain(nodeCrypto.generateKem().publicKey.bytes);
  /** Writes a 12-bit coefficient as FIPS 203 packs it. */
  const withCoefficient = (index: number, value: number) => {
    const changed = key.slice();
    const at = Math.floor(index / 2) * 3;
    if (index % 2 === 0) {
      changed[at] = value & 0xff;
      changed[at + 1] = ((changed[at + 1] ?? 0) & 0xf0) | (value >> 8);
    } else {
      changed[at + 1] = ((changed[at + 1] ?? 0) & 0x0f) | ((value & 0x0f) << 4);
      changed[at + 2] = value >> 4;
    }
    return changed;
  };
  const opensslAccepts = (bytes: Uint8Array) => {
    try {
      encapsulate(createPublicKey({ key: Buffer.from(bytes), format: 'raw-public', asymmetricKeyType: 'ml-kem-768' }));
      return true;
    } catch {
      return false;
    }
  };

  it.each([0, 1, 2, 383, 766, 767])('takes 3328 and refuses 3329 as coefficient %i', (index) => {
    expect(isKemPublicKey(withCoefficient(index, 3328))).toBe(true);
    expect(isKemPublicKey(withCoefficient(index, 3329))).toBe(false);
    expect(isKemPublicKey(withCoefficient(index, 4095))).toBe(false);
  });

  it('judges as OpenSSL does', () => {
    fc.assert(
      fc.property(fc.nat(767), fc.integer({ min: 3300, max: 3360 }), (index, value) => {
        const changed = withCoefficient(index, value);
        expect(isKemPublicKey(changed)).toBe(opensslAccepts(changed));
      }),
    );
  });

  it('refuses other lengths, and takes any matrix seed', () => {
    expect(isKemPublicKey(key.subarray(1))).toBe(false);
    expect(isKemPublicKey(new Uint8Array(KEM_PUBLIC_LENGTH + 1))).toBe(false);
    expect(isKemPublicKey(new Uint8Array(0))).toBe(false);
    expect(isKemPublicKey(new Uint8Array([...key.subarray(0, -32), ...new Uint8Array(32).fill(255)]))).toBe(true);
  });
});

describe('private keys', () => {
  it.each(providers)('of $name do not show when somebody prints or serialises them', (crypto) => {
    const seed = new Uint8Array(64).fill(0xab);
    const shown = [crypto.importKem(seed), crypto.importDh(seed.subarray(32))].map(
      (key) => `${JSON.stringify(key)} ${Object.entries(key)}`,
    );

    for (const text of shown) expect(text).not.toMatch(/abab|171,171|q6ur/);
  });
});
