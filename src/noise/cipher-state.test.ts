import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CipherState, MAX_NOISE_MESSAGE_BYTES } from './cipher-state.ts';
import { nobleCrypto } from './crypto/noble-crypto.ts';
import { nodeCrypto } from './crypto/node-crypto.ts';
import { type AeadName, TAG_LENGTH } from './crypto/provider.ts';
import { NoiseError } from './error.ts';

const KEY = new Uint8Array(32).fill(7);
const EMPTY = new Uint8Array(0);
const bytes = (text: string) => new TextEncoder().encode(text);
const join = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const codeOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error instanceof NoiseError ? error.code : error;
  }
  return 'no error';
};

const cases = [nodeCrypto, nobleCrypto].flatMap((crypto) =>
  (['AESGCM', 'ChaChaPoly'] satisfies AeadName[]).map((aead) => ({ crypto, aead })),
);

describe.each(cases)('$aead by $crypto.name', ({ crypto, aead }) => {
  const cipher = () => new CipherState(crypto.aead(aead, KEY));

  it('opens in order what was sealed in order, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }),
        fc.uint8Array({ maxLength: 40 }),
        (all, ad) => {
          const [sender, receiver] = [cipher(), cipher()];
          for (const plaintext of all) {
            const sealed = sender.sealWithAd(ad, plaintext);
            expect(sealed.map((part) => part.length)).toEqual([plaintext.length, TAG_LENGTH]);
            expect(new Uint8Array(receiver.openWithAd(ad, join(sealed)))).toEqual(plaintext);
          }
        },
      ),
    );
  });

  it('takes the largest record that Noise allows, and refuses one more byte', () => {
    const largest = new Uint8Array(MAX_NOISE_MESSAGE_BYTES - TAG_LENGTH);

    expect(cipher().open(join(cipher().seal(largest))).length).toBe(largest.length);
    expect(codeOf(() => cipher().seal(new Uint8Array(largest.length + 1)))).toBe('bad_length');
    expect(codeOf(() => cipher().open(new Uint8Array(MAX_NOISE_MESSAGE_BYTES + 1)))).toBe('bad_length');
  });

  it('refuses records shorter than a tag', () => {
    for (let length = 0; length < TAG_LENGTH; length++) {
      expect(codeOf(() => cipher().open(new Uint8Array(length)))).toBe('bad_length');
    }
  });

  it('keeps its place when a record does not open, and opens the right one afterwards', () => {
    const [sender, receiver] = [cipher(), cipher()];
    const [first, second] = [join(sender.seal(bytes('first'))), join(sender.seal(bytes('second')))];

    expect(codeOf(() => receiver.open(second))).toBe('decrypt_failed');
    expect(Buffer.from(receiver.open(first)).toString()).toBe('first');
    expect(Buffer.from(receiver.open(second)).toString()).toBe('second');
    expect(codeOf(() => receiver.open(second))).toBe('decrypt_failed');
  });

  it('binds the associated data', () => {
    const sealed = join(cipher().sealWithAd(bytes('one'), EMPTY));

    expect(codeOf(() => cipher().openWithAd(bytes('two'), sealed))).toBe('decrypt_failed');
  });

  it('uses up its counter and then refuses to seal or open', () => {
    const [sender, receiver] = [cipher(), cipher()];
    for (const each of [sender, receiver]) each.setNonce(Number.MAX_SAFE_INTEGER - 1);

    const last = join(sender.seal(bytes('last')));
    expect(Buffer.from(receiver.open(last)).toString()).toBe('last');

    expect(codeOf(() => sender.seal(EMPTY))).toBe('nonce_exhausted');
    expect(codeOf(() => receiver.open(last))).toBe('nonce_exhausted');
  });

  it('refuses counters that are none', () => {
    for (const nonce of [-1, 0.5, Number.NaN, 2 ** 53]) expect(codeOf(() => cipher().setNonce(nonce))).toBe('state');
  });

  it('is of no use after it was wiped', () => {
    const wiped = cipher();
    wiped.wipe();

    expect(codeOf(() => wiped.seal(EMPTY))).toBe('state');
    expect(codeOf(() => wiped.open(new Uint8Array(TAG_LENGTH)))).toBe('state');
  });
});

describe('the two providers', () => {
  it.each(['AESGCM', 'ChaChaPoly'] satisfies AeadName[])(
    'seal to the same bytes with %s at every size of counter',
    (aead) => {
      fc.assert(
        fc.property(
          fc.maxSafeNat(),
          fc.uint8Array({ maxLength: 100 }),
          fc.uint8Array({ maxLength: 40 }),
          fc.uint8Array({ minLength: 32, maxLength: 32 }),
          (nonce, plaintext, ad, key) => {
            const [native, noble] = [nodeCrypto, nobleCrypto].map((crypto) =>
              join(crypto.aead(aead, key).seal(nonce, ad, plaintext)),
            );
            expect(native).toEqual(noble);
          },
        ),
      );
    },
  );
});
