import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EnvPolicy } from '../../wire/index.ts';
import { childEnvironment, matchesGlob } from './environment.ts';

const own = {
  HOME: '/home/u',
  PATH: '/bin',
  LANG: 'C',
  Path: 'q',
  TERM: 't',
  FOO_KEY: '1',
  my_token: '2',
  MY_SECRET: '3',
  KEYBOARD: '4',
  NOISEFLEET_EXEC_SERVER_TOKEN: 'ours',
  CODEX_API_KEY: 'theirs',
  NODE_CHANNEL_FD: '3',
};

function policy(members: Partial<EnvPolicy> = {}): EnvPolicy {
  return { inherit: 'all', ignoreDefaultExcludes: false, exclude: [], set: {}, includeOnly: [], ...members };
}

describe('the environment of a child', () => {
  it('is exactly what the request says when there is no policy', () => {
    expect(childEnvironment(own, undefined, { A: '1' })).toEqual({ A: '1' });
  });

  it.each<[string, Partial<EnvPolicy>, string[]]>([
    ['leaves out what looks like a credential', {}, ['HOME', 'LANG', 'PATH', 'Path', 'TERM']],
    [
      'keeps it on request, but never our own',
      { ignoreDefaultExcludes: true },
      ['FOO_KEY', 'HOME', 'KEYBOARD', 'LANG', 'MY_SECRET', 'PATH', 'Path', 'TERM', 'my_token'],
    ],
    ['knows the core, whatever its case', { inherit: 'core' }, ['HOME', 'LANG', 'PATH', 'Path']],
    ['can be empty', { inherit: 'none' }, []],
    ['excludes without regard to case', { exclude: ['path', 'l?ng'] }, ['HOME', 'TERM']],
    ['includes only what is asked for', { includeOnly: ['p*'] }, ['PATH', 'Path']],
    [
      'filters what the policy sets by includeOnly as well',
      { includeOnly: ['H*'], set: { ZED: '1', HUE: '2' } },
      ['HOME', 'HUE'],
    ],
    ['does not exclude what the policy sets', { inherit: 'none', set: { A_TOKEN: '1' } }, ['A_TOKEN']],
  ])('%s', (_name, members, names) => {
    expect(Object.keys(childEnvironment(own, policy(members), {})).sort()).toEqual(names);
  });

  it('lays the request over all, also over what the policy excludes', () => {
    expect(
      childEnvironment(own, policy({ inherit: 'core', includeOnly: ['HOME'] }), { HOME: '/x', B_TOKEN: '1' }),
    ).toEqual({
      HOME: '/x',
      B_TOKEN: '1',
    });
  });
});

describe('matchesGlob', () => {
  it('agrees with a regular expression that is made of the pattern', () => {
    const part = fc.constantFrom('a', 'B', '_', '*', '?', '[', '.', 'KEY');
    const text = fc.array(fc.constantFrom('a', 'b', '_', 'K', 'e', 'y', '[', '.'), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), text, (pattern, name) => {
        const escaped = pattern.map((piece) =>
          piece === '*' ? '.*' : piece === '?' ? '.' : piece.replace(/[[.]/g, '\\$&'),
        );
        expect(matchesGlob(name.join(''), pattern.join(''))).toBe(
          new RegExp(`^${escaped.join('')}$`, 'is').test(name.join('')),
        );
      }),
    );
  });

  it('does not explode on many stars', () => {
    expect(matchesGlob('a'.repeat(5_000), `${'*a'.repeat(200)}*b`)).toBe(false);
  });
});
