import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectOnlyItsErrors } from '../testing/mutations.ts';
import { isProbe, PROBE_IDENTITY, probeNonce, probeText } from './probe.ts';

const BASE64URL = /^[A-Za-z0-9_-]{16,64}$/;

describe('a probe', () => {
  it('is read back from the payload that it was written to', () => {
    fc.assert(
      fc.property(fc.stringMatching(BASE64URL), (nonce) => {
        expect(probeNonce(Buffer.from(probeText(nonce)))).toBe(nonce);
      }),
    );
  });

  it('is nothing but that: any other payload has no nonce, or exactly one that writes it again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        const nonce = probeNonce(payload);
        if (nonce !== undefined) expect(Buffer.from(probeText(nonce))).toEqual(Buffer.from(payload));
      }),
    );
    expectOnlyItsErrors(
      (bytes) => {
        const nonce = probeNonce(bytes);
        if (nonce !== undefined) expect(Buffer.from(probeText(nonce)).equals(bytes)).toBe(true);
      },
      [Buffer.from(probeText('n'.repeat(22)))],
    );
  });

  it('has the identity of nobody: no hash looks like it', () => {
    expect(isProbe({ identityHash: PROBE_IDENTITY })).toBe(true);
    expect(isProbe({ identityHash: createHash('sha256').update('x').digest('base64url') })).toBe(false);
    expect(PROBE_IDENTITY).not.toHaveLength(43);
  });
});
