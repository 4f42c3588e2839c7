import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DirectoryFile, DirectoryFileError, parseDirectoryFile } from './file-format.ts';

const HASH = 'a'.repeat(64);
const OTHER_HASH = 'b'.repeat(64);

function file(): DirectoryFile {
  return {
    version: 1,
    environments: [
      {
        id: 'default_demo',
        runtime: 'BuiltIn',
        incarnation: 'uid-1',
        executorTokenSha256: [HASH],
        keys: [{ id: 'k1', fingerprint: `SHA256:${'f'.repeat(43)}`, state: 'Active' }],
        labels: { tier: 'ci' },
      },
    ],
    identities: [
      { name: 'sa:default/dev', tokens: [{ sha256: OTHER_HASH, expirationTime: '2026-11-22T08:00:00.5+01:00' }] },
    ],
    grants: [{ name: 'default/dev', identities: ['sa:default/dev'], environments: ['default_demo'] }],
  };
}

function codeOf(text: string): string {
  try {
    parseDirectoryFile(text);
    return 'good';
  } catch (error) {
    if (error instanceof DirectoryFileError) return error.code;
    throw error;
  }
}

describe('parseDirectoryFile', () => {
  it('reads what the format allows', () => {
    expect(parseDirectoryFile(JSON.stringify(file())).environments[0]?.id).toBe('default_demo');
  });

  it.each<[string, (it: DirectoryFile) => void]>([
    ['another version', (it) => Object.assign(it, { version: 2 })],
    ['a member that nobody knows', (it) => Object.assign(it, { grantz: [] })],
    ['an environment id with capitals', (it) => Object.assign(it.environments[0] ?? {}, { id: 'Default' })],
    ['three executor tokens', (it) => it.environments[0]?.executorTokenSha256.push('c'.repeat(64), 'd'.repeat(64))],
    ['a token instead of its hash', (it) => it.environments[0]?.executorTokenSha256.splice(0, 1, 'a-token')],
    ['two environments of one id', (it) => it.environments.push(...file().environments)],
    [
      'one token of two holders',
      (it) => it.identities[0]?.tokens.push({ sha256: HASH, expirationTime: '2026-11-22T08:00:00Z' }),
    ],
    [
      'two keys of one id',
      (it) => it.environments[0]?.keys.push({ id: 'k1', fingerprint: `SHA256:${'g'.repeat(43)}`, state: 'Active' }),
    ],
    [
      'two keys of one fingerprint',
      (it) => it.environments[0]?.keys.push({ id: 'k2', fingerprint: `SHA256:${'f'.repeat(43)}`, state: 'Active' }),
    ],
    ['a time without an offset', (it) => Object.assign(it.grants[0] ?? {}, { expirationTime: '2026-11-22T08:00:00' })],
    ['a key state that is none', (it) => Object.assign(it.environments[0]?.keys[0] ?? {}, { state: 'active' })],
  ])('refuses %s', (_what, spoil) => {
    const spoilt = file();
    spoil(spoilt);
    expect(codeOf(JSON.stringify(spoilt))).toBe('not_the_format');
  });

  it('never quotes the file in its error: hashes and names stay out of the log', () => {
    const spoilt = JSON.stringify(file()).replace(HASH, 'secret-by-mistake');
    expect(() => parseDirectoryFile(spoilt)).toThrow(/executorTokenSha256/);
    expect(() => parseDirectoryFile(spoilt)).not.toThrow(/secret-by-mistake/);
  });

  it('answers any text and any JSON with a value or with its own error', () => {
    fc.assert(fc.property(fc.string(), (text) => ['good', 'not_json', 'not_the_format'].includes(codeOf(text))));
    fc.assert(fc.property(fc.json(), (text) => codeOf(text) === 'not_the_format'));
  });

  it('survives 10,000 mutations of a good file', () => {
    const good = JSON.stringify(file());
    const mutation = fc.record({ at: fc.nat(good.length - 1), cut: fc.nat(8), put: fc.string({ maxLength: 4 }) });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        let text = good;
        for (const { at, cut, put } of mutations) text = text.slice(0, at) + put + text.slice(at + cut);
        expect(['good', 'not_json', 'not_the_format']).toContain(codeOf(text));
      }),
      { numRuns: 10_000 },
    );
  });
});
