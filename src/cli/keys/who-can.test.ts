import { describe, expect, it } from 'vitest';
import { lets } from './who-can.ts';

const rule = (resource: string, verbs: string[], more: object = {}) => ({
  ...{ apiGroups: ['noisefleet.dev'], resources: [resource], verbs, ...more },
});
const rotator = [rule('executors', ['get', 'patch']), rule('executors/keys', ['rotate'])];

describe('a role', () => {
  it.each<[string, readonly ReturnType<typeof rule>[], string, string]>([
    ['of a rotator', rotator, 'build', 'rotate'],
    ['of a revoker', [rule('executors', ['patch']), rule('executors/keys', ['revoke'])], 'build', 'revoke'],
    ['of both', [...rotator, rule('executors/keys', ['revoke'])], 'build', 'rotate revoke'],
    ['of an editor', [rule('executors', ['update', 'patch'])], 'build', 'rotate revoke'],
    ['to patch alone, which no policy bounds', [rule('executors', ['patch'])], 'build', 'rotate revoke'],
    ['of an administrator', [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }], 'build', 'rotate revoke'],
    ['with the verb and no way to use it', [rule('executors/keys', ['rotate'])], 'build', ''],
    ['for other groups', [{ ...rule('executors', ['*']), apiGroups: ['apps'] }], 'build', ''],
    ['to read', [rule('executors', ['get', 'list', 'watch'])], 'build', ''],
    ['for that one executor', [rule('executors', ['update'], { resourceNames: ['build'] })], 'build', 'rotate revoke'],
    ['for another executor', [rule('executors', ['update'], { resourceNames: ['gpu'] })], 'build', ''],
  ])('%s lets its holder what it says', (_whose, rules, name, expected) => {
    const allowed = (['rotate', 'revoke'] as const).filter((verb) => lets(rules, name, verb));
    expect(allowed.join(' ')).toBe(expected);
  });
});
