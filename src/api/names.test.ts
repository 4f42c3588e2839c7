import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childName, secretName } from './names.ts';
import { DNS_LABEL } from './schema/fields.ts';

const build = { kind: 'Executor', name: 'build' };
const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
const purpose = fc.constantFrom('', 'keys', 'ticket-keys', 'registry-tls');

describe('names of children', () => {
  it('say whose they are and what for', () => {
    expect(childName(build, 'workspace')).toMatch(/^build-workspace-[0-9a-f]{10}$/);
    expect(childName(build, '', 3)).toMatch(/^build-[0-9a-f]{10}$/);
    expect(secretName(build, 'keys')).toMatch(/^noisefleet-build-keys-[0-9a-f]{10}$/);
  });

  it('stay the same, since what was made yesterday must be found today', () => {
    expect(childName(build, 'workspace')).toBe('build-workspace-88a0ed2f50');
    expect(secretName(build, 'keys')).toBe('noisefleet-build-keys-262a37c2b5');
  });

  it('differ by kind, attempt, and where the name ends', () => {
    const names = [
      childName(build, 'keys'),
      childName({ kind: 'Relay', name: 'build' }, 'keys'),
      childName(build, 'keys', 1),
      childName({ kind: 'Executor', name: 'build-a' }, 'keys'),
      childName(build, 'a-keys'),
      childName({ kind: 'Executor', name: `${'x'.repeat(62)}a` }, 'keys'),
      childName({ kind: 'Executor', name: `${'x'.repeat(62)}b` }, 'keys'),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it('are DNS labels whatever the owner is called', () => {
    fc.assert(
      fc.property(name, purpose, fc.nat(), (owner, of, distinct) => {
        expect(childName({ kind: 'Executor', name: owner }, of, distinct)).toMatch(DNS_LABEL);
        expect(secretName({ kind: 'Executor', name: owner }, of, distinct)).toMatch(DNS_LABEL);
      }),
    );
  });

  it('refuse a purpose that leaves no room for the name', () => {
    expect(() => childName(build, 'x'.repeat(60))).toThrow(RangeError);
  });
});
