import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyFileIn, parseEntry, parseNames } from './entry.ts';
import { keyStoreFailure, VaultAnswer } from './errors.ts';

/** As node-vault rejects for an answer that is none of 200 and 204. */
const answer = (statusCode: number, ...errors: string[]) =>
  Object.assign(new Error(errors[0] ?? `Status ${statusCode}`), { response: { statusCode, body: { errors } } });

describe('what Vault says', () => {
  it.each([
    ['sealed', answer(503, 'Vault is sealed')],
    ['unavailable', answer(500, 'internal error')],
    ['unavailable', answer(503)],
    ['unavailable', answer(429)],
    ['forbidden', answer(403, '1 error occurred:\n\t* permission denied\n\n')],
    ['forbidden', answer(400, 'invalid role name "noisefleet"')],
    ['forbidden', answer(404, 'no handler for route "kv/metadata/". route entry not found.')],
    ['not_found', answer(404)],
    ['conflict', answer(400, 'check-and-set parameter did not match the current version')],
    ['read_only', answer(500, 'cannot write to readonly storage')],
    ['read_only', answer(405, 'Vault is in read-only mode')],
    // As OpenBao 2.4 says it: the reason comes last, after as much of a path as it likes.
    [
      'read_only',
      answer(500, `1 error occurred:\n\t* open /data/${'logical/'.repeat(40)}x: read-only file system\n\n`),
    ],
  ])('is %s: %s', (code, error) => {
    expect(keyStoreFailure(error, 'read key', 'kv/data/x')).toMatchObject({ code, step: 'read key' });
  });

  it.each([
    ['timeout', 'ECONNABORTED'],
    ['timeout', 'ETIMEDOUT'],
    ['unavailable', 'ECONNREFUSED'],
    ['unavailable', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('is %s when it says nothing: %s', (code, of) => {
    expect(keyStoreFailure(Object.assign(new Error('x'), { code: of }), 'read key', 'kv/data/x')).toMatchObject({
      code,
    });
  });

  it.each([403, 404])('about our proof is never that there are no keys: %i', (status) => {
    const failure = keyStoreFailure(new VaultAnswer(status, [], true), 'read keys', 'kv/metadata/x');
    expect(failure).toMatchObject({ code: 'forbidden' });
    expect(failure.message).toContain('ServiceAccount token');
  });

  it('is shortened in the middle, since the reason is at its end', () => {
    const { message } = keyStoreFailure(
      answer(500, `open ${'x'.repeat(400)}: no space left on device`),
      'read key',
      'p',
    );
    expect(message).toContain('(open xxx');
    expect(message).toContain(': no space left on device)');
    expect(message.length).toBeLessThan(300);
  });

  it('is not repeated with the token and the key that it was asked with', () => {
    const request = {
      config: { headers: { 'X-Vault-Token': 's.token' }, data: Buffer.from('the key') },
      request: { body: 'the key' },
    };
    const silence = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET', ...request });
    const refusal = Object.assign(answer(500, 'x'), request, {
      response: { statusCode: 500, body: { errors: ['x'], data: 'the key' } },
    });
    for (const error of [silence, refusal]) {
      const told = inspect(keyStoreFailure(error, 'create key', 'kv/data/x'), { depth: 20, showHidden: true });
      expect(told).not.toMatch(/s\.token|the key/);
    }
  });

  it('is read whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (body) => {
        for (const parse of [parseEntry, parseNames]) expect(() => parse(body)).not.toThrow();
        expect(keyStoreFailure(body, 'read key', 'kv/data/x').code).toBeDefined();
      }),
    );
  });

  it('has a key file where KV has it, and an empty one wherever there is none', () => {
    const asBytes = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '');
    fc.assert(
      fc.property(fc.uint8Array(), fc.jsonValue(), (keyFile, other) => {
        const data = { keyFile: Buffer.from(keyFile).toString('base64') };
        const answer = asBytes({ request_id: '7', data: { metadata: other, data }, warnings: null });
        expect(Buffer.from(keyFileIn(answer)).equals(keyFile)).toBe(true);
        for (const none of [other, { data: other }, { data: { data: null } }, { data: { data: { keyFile: 7 } } }])
          expect(keyFileIn(asBytes(none)).length).toBe(0);
      }),
    );
  });
});
